import { sql } from 'kysely'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import type { Database } from '../../src/db/connect.ts'
import { finishStep } from '../../src/engine/finish.ts'
import { Blocked, Later, Permanent, Retry } from '../../src/errors.ts'
import {
  claimOne,
  emptyRecord,
  newWorker,
  openRecord,
  readRun,
  readSteps,
  sketch,
  startRun,
  timingsOf,
} from '../support/engine-bench.ts'
import { type Act, carryOut, testRegistry } from '../support/engine-workflows.ts'

const registry = testRegistry()
const timings = timingsOf()
const facts = { message: 'what happened', hint: 'what to do' }

for (const kind of ['postgres', 'pglite'] as const) {
  const bench = await openRecord(kind, `the endings of a step on ${kind}`)
  describe.skipIf(bench === undefined)(`the endings of a step on ${kind}`, () => {
    const db = bench?.db as Database
    let random = 0.5
    const deps = { db, registry, timings, random: () => random }
    let worker = ''
    beforeEach(async () => {
      await emptyRecord(db)
      worker = await newWorker(db)
      random = 0.5
    })
    afterAll(() => bench?.close())

    const fail = (error: unknown): Act => {
      return () => {
        throw error
      }
    }
    /** Makes the step due now, whatever it waits for. */
    const hasten = (runId: string) =>
      sql`update callsift.steps set due_at = clock_timestamp() where run_id = ${runId}`.execute(db)
    const attempt = async (runId: string, act: Act) => {
      await hasten(runId)
      await carryOut(deps, await claimOne(db, runId, worker), act)
      const step = (await readSteps(db, runId)).at(-1)
      if (step === undefined) throw new Error('the run has no step')
      return step
    }

    it('a value is stored, and what follows is created', async () => {
      const runId = await startRun(db, registry, 'chain', { text: 'x' })
      await attempt(runId, () => ({ n: 1 }))
      expect((await readSteps(db, runId)).map((step) => [step.name, step.state, step.output])).toEqual([
        ['first', 'done', { n: 1 }],
        ['second', 'ready', null],
      ])
      await attempt(runId, () => null)
      await attempt(runId, () => 'end')
      expect(await readRun(db, runId)).toEqual({ state: 'done', class: null })
    })

    it('a value is stored whatever texts stand in it: NUL and half a surrogate pair, which Postgres refuses', async () => {
      const runId = await startRun(db, registry, 'lone', { text: 'a\u0000b' })
      const step = await attempt(runId, () => ({ text: 'cut\u0000 off \ud83d', fine: '😀' }))
      expect(step).toMatchObject({ state: 'done', output: { text: 'cut off \ufffd', fine: '😀' } })
      const other = await startRun(db, registry, 'lone', {})
      expect(await attempt(other, fail(new Permanent('odd', { message: 'a\u0000b' })))).toMatchObject({ message: 'ab' })
    })

    it('Later is due again after its wait, spends no attempt, and is parked when its budget is spent', async () => {
      const runId = await startRun(db, registry, 'lone', {})
      for (let n = 1; n <= 9; n += 1) {
        const step = await attempt(runId, fail(new Later(5_000, 'rate_limited', facts)))
        expect(step).toMatchObject({
          state: 'ready',
          class: 'rate_limited',
          attempts: 0,
          laters: n,
          hint: 'what to do',
        })
        expect(step.waits_ms).toBeGreaterThan(4_000)
        expect(step.waits_ms).toBeLessThanOrEqual(5_000)
      }
      await sql`update callsift.steps set later_since = later_since - interval '24 hours'`.execute(db)
      const parked = await attempt(runId, fail(new Later(5_000, 'rate_limited', facts)))
      expect(parked).toMatchObject({ state: 'parked', class: 'rate_limited', policy: 'fix' })
      expect(await readRun(db, runId)).toEqual({ state: 'parked', class: 'rate_limited' })
    })

    it('time behind a closed gate is not taken out of the budget of Later', async () => {
      const runId = await startRun(db, registry, 'lone', {})
      await attempt(runId, fail(new Later(0, 'rate_limited', facts)))
      // Two days pass in which the gate is closed: nothing is dispatched, or it comes back blocked.
      await sql`update callsift.steps set later_since = later_since - interval '2 days', due_at = due_at - interval '2 days'`.execute(
        db,
      )
      await carryOut(deps, await claimOne(db, runId, worker), fail(new Blocked('crm', 'closed', facts)))
      const again = async () => {
        await carryOut(deps, await claimOne(db, runId, worker), fail(new Later(0, 'rate_limited', facts)))
        return (await readSteps(db, runId)).at(-1)
      }
      expect(await again()).toMatchObject({ state: 'ready', laters: 2 })
      expect(await again()).toMatchObject({ state: 'ready', laters: 3 })
    })

    it('Blocked keeps its place in line and spends nothing', async () => {
      const runId = await startRun(db, registry, 'lone', {})
      const before = await db.selectFrom('callsift.steps').select('due_at').executeTakeFirstOrThrow()
      for (let n = 0; n < 8; n += 1) {
        await carryOut(deps, await claimOne(db, runId, worker), fail(new Blocked('crm', 'invalid_api_key', facts)))
      }
      const after = await db.selectFrom('callsift.steps').selectAll().executeTakeFirstOrThrow()
      expect(after).toMatchObject({
        state: 'ready',
        attempts: 0,
        laters: 0,
        blocked_by: 'crm',
        class: 'invalid_api_key',
      })
      expect(after.due_at).toEqual(before.due_at)
      expect(await readRun(db, runId)).toEqual({ state: 'running', class: null })
    })

    it('Retry has six attempts with growing waits and jitter, then it is parked as exhausted', async () => {
      const runId = await startRun(db, registry, 'lone', {})
      const bases = [2_000, 10_000, 60_000, 300_000, 1_800_000]
      for (const [n, base] of bases.entries()) {
        random = n % 2 === 0 ? 0 : 0.999
        const step = await attempt(runId, fail(new Retry('bad_gateway', facts)))
        expect(step).toMatchObject({ state: 'ready', class: 'bad_gateway', attempts: n + 1 })
        const factor = n % 2 === 0 ? 0.8 : 1.2
        expect(step.waits_ms).toBeGreaterThan(base * factor - 1_000)
        expect(step.waits_ms).toBeLessThanOrEqual(base * factor)
      }
      expect(await attempt(runId, fail(new Retry('bad_gateway', facts)))).toMatchObject({
        state: 'parked',
        class: 'exhausted',
        policy: 'fix',
        attempts: 6,
        message: 'what happened',
      })
      expect(await readRun(db, runId)).toEqual({ state: 'parked', class: 'exhausted' })
      expect(await db.selectFrom('callsift.attempts').select('outcome').execute()).toEqual(
        Array(6).fill({ outcome: 'retry' }),
      )
    })

    it('Retry of a class that is not worth six stops at its own limit', async () => {
      const runId = await startRun(db, registry, 'lone', {})
      const twice = fail(new Retry('server_error', { ...facts, maxAttempts: 2 }))
      expect(await attempt(runId, twice)).toMatchObject({ state: 'ready', attempts: 1 })
      expect(await attempt(runId, twice)).toMatchObject({ state: 'parked', class: 'exhausted', attempts: 2 })
    })

    it('Permanent is parked with class, hint and policy, and the attempt keeps what a ticket needs', async () => {
      const runId = await startRun(db, registry, 'lone', {})
      const refused = new Permanent('forbidden_entity', {
        ...facts,
        policy: 'manual',
        httpStatus: 403,
        code: 'NO',
        requestId: 'r-1',
      })
      expect(await attempt(runId, fail(refused))).toMatchObject({
        state: 'parked',
        class: 'forbidden_entity',
        hint: 'what to do',
        policy: 'manual',
      })
      expect(await db.selectFrom('callsift.attempts').selectAll().executeTakeFirst()).toMatchObject({
        outcome: 'permanent',
        class: 'forbidden_entity',
        http_status: 403,
        code: 'NO',
        request_id: 'r-1',
      })
    })

    it('an exception nobody classified is a bug: parked at once with its stack', async () => {
      const runId = await startRun(db, registry, 'lone', {})
      const step = await attempt(runId, fail(new TypeError('x is not a function')))
      expect(step).toMatchObject({ state: 'parked', class: 'bug', policy: 'fix', attempts: 0 })
      expect(step.message).toContain('TypeError: x is not a function')
      expect(step.message).toContain('engine-outcomes.test.ts')
    })

    it('an input or output of another shape than declared is a bug as well, not stored as if it were right', async () => {
      const runId = await startRun(db, registry, 'lone', {})
      await sql`update callsift.runs set input = '{"parts":"three"}'`.execute(db)
      expect(await attempt(runId, () => 1)).toMatchObject({ state: 'parked', class: 'bug' })
    })

    it('an absent database is no bug of the step: due again soon, no attempt spent', async () => {
      for (const [n, error] of [
        Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:5432'), { code: 'ECONNREFUSED' }),
        Object.assign(new Error('terminating connection due to administrator command'), { code: '57P01' }),
        new Error('Connection terminated unexpectedly'),
        new Error('Query read timeout'),
      ].entries()) {
        const runId = await startRun(db, registry, 'lone', {}, { key: `away-${n}` })
        expect(await attempt(runId, fail(error))).toMatchObject({ state: 'ready', class: 'record_away', attempts: 0 })
      }
    })

    it('a step that is released goes back untouched', async () => {
      const runId = await startRun(db, registry, 'lone', {})
      const before = await db.selectFrom('callsift.steps').select('due_at').executeTakeFirstOrThrow()
      expect(await finishStep(deps, await claimOne(db, runId, worker), { kind: 'released' })).toBe('stored')
      expect(await sketch(db, runId)).toEqual(['solo0 g1 ready'])
      const after = await db
        .selectFrom('callsift.steps')
        .select(['due_at', 'attempts', 'laters'])
        .executeTakeFirstOrThrow()
      expect(after).toEqual({ ...before, attempts: 0, laters: 0 })
    })
  })
}
