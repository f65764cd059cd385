import { sql } from 'kysely'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { claimStep } from '../../src/engine/claim.ts'
import { finishStep } from '../../src/engine/finish.ts'
import { holdsLease } from '../../src/engine/lease.ts'
import { valueOutcome } from '../../src/engine/outcome.ts'
import { cancelRun } from '../../src/engine/rerun.ts'
import { freeDeadWorkers, freeStrays } from '../../src/engine/workers.ts'
import {
  claimOne,
  dispatchDue,
  emptyRecord,
  newWorker,
  openRecord,
  readSteps,
  sketch,
  startRun,
  stopHeart,
  timingsOf,
} from '../support/engine-bench.ts'
import { testRegistry } from '../support/engine-workflows.ts'

const registry = testRegistry()
const timings = timingsOf({ workerTtlMs: 2_000 })
const margin = { workerTtlMs: timings.workerTtlMs, marginMs: 500 }

for (const kind of ['postgres', 'pglite'] as const) {
  const bench = await openRecord(kind, `claim, fence and lease on ${kind}`)
  describe.skipIf(bench === undefined)(`claim, fence and lease on ${kind}`, () => {
    const db = bench?.db as NonNullable<typeof bench>['db']
    const deps = { db, registry, timings, random: () => 0.5 }
    const finish = (claim: Parameters<typeof finishStep>[1], output: unknown) =>
      finishStep(deps, claim, valueOutcome(output, 'h'))
    beforeEach(() => emptyRecord(db))
    afterAll(() => bench?.close())

    it('gives a dispatched step to one of fifty that want it at once', async () => {
      const others = await Promise.all([0, 1, 2, 3].map(() => bench?.connect()))
      const runId = await startRun(db, registry, 'lone', {})
      const [job] = await dispatchDue(db, runId)
      if (job === undefined) throw new Error('nothing was due')
      const workers = await Promise.all(Array.from({ length: 50 }, () => newWorker(db)))
      const claims = await Promise.all(workers.map((worker, n) => claimStep(others[n % 4]?.db ?? db, job, worker)))
      const won = claims.filter((claim) => claim !== null)
      expect(won).toHaveLength(1)
      const [step] = await readSteps(db, runId)
      expect(step).toMatchObject({ state: 'running', fence: 1 })
      const attempts = await db.selectFrom('callsift.attempts').select(['worker_id', 'fence']).execute()
      expect(attempts).toEqual([{ worker_id: won[0]?.workerId, fence: 1 }])
    })

    it('refuses a job that was dispatched anew, a cancelled step, a finished one and a worker declared dead', async () => {
      const worker = await newWorker(db)
      const runId = await startRun(db, registry, 'lone', {})
      const [stale] = await dispatchDue(db, runId)
      await sql`update callsift.steps set state = 'ready'`.execute(db)
      const [job] = await dispatchDue(db, runId)
      if (stale === undefined || job === undefined) throw new Error('nothing was due')
      expect(await claimStep(db, stale, worker)).toBeNull()
      const dead = await newWorker(db)
      await stopHeart(db, dead)
      await freeDeadWorkers(db, registry, timings)
      expect(await claimStep(db, job, dead)).toBeNull()
      const claim = await claimStep(db, job, worker)
      expect(claim).toMatchObject({ stepName: 'solo', fence: 1, workerId: worker })
      expect(await claimStep(db, job, worker)).toBeNull()
      if (claim !== null) expect(await finish(claim, 1)).toBe('stored')
      expect(await claimStep(db, job, worker)).toBeNull()

      const cancelled = await startRun(db, registry, 'lone', {})
      const [late] = await dispatchDue(db, cancelled)
      await cancelRun(db, registry, cancelled)
      if (late === undefined) throw new Error('nothing was due')
      expect(await claimStep(db, late, worker)).toBeNull()
    })

    it('fences a worker that was declared dead: its late finish stores nothing, and no request of it may leave', async () => {
      const [frozen, heir] = [await newWorker(db), await newWorker(db)]
      const runId = await startRun(db, registry, 'chain', {})
      const first = await claimOne(db, runId, frozen)
      expect(await holdsLease(db, first, margin)).toBe(true)
      await stopHeart(db, frozen, 1_700)
      // Not yet dead, but with too little life left to begin a request.
      expect(await holdsLease(db, first, margin)).toBe(false)
      await stopHeart(db, frozen)
      expect(await freeDeadWorkers(db, registry, timings)).toEqual({ workers: 1, steps: 1, poisoned: 0 })
      expect(await holdsLease(db, first, margin)).toBe(false)
      const second = await claimOne(db, runId, heir)
      expect(second).toMatchObject({ stepId: first.stepId, fence: first.fence + 2 })

      expect(await finish(first, 'of the dead')).toBe('fenced')
      expect(await sketch(db, runId)).toEqual(['first0 g1 running'])
      expect(await finish(second, 'of the living')).toBe('stored')
      expect(await finish(first, 'of the dead')).toBe('fenced')
      expect((await readSteps(db, runId)).map((step) => [step.name, step.output])).toEqual([
        ['first', 'of the living'],
        ['second', null],
      ])
      const attempts = await db.selectFrom('callsift.attempts').select(['fence', 'outcome']).orderBy('fence').execute()
      expect(attempts).toEqual([
        { fence: 1, outcome: 'fenced' },
        { fence: 3, outcome: 'value' },
      ])
    })

    it('frees what a worker holds in the record but not in its hands, and leaves the rest alone', async () => {
      const worker = await newWorker(db)
      const [lost, held] = [await startRun(db, registry, 'lone', {}), await startRun(db, registry, 'lone', {})]
      const first = await claimOne(db, lost, worker)
      const inHand = await claimOne(db, held, worker)
      expect(await freeStrays(db, registry, worker, [inHand.stepId], 60_000)).toBe(0)
      expect(await freeStrays(db, registry, worker, [inHand.stepId], 0)).toBe(1)
      expect(await sketch(db, lost)).toEqual(['solo0 g1 ready'])
      expect(await sketch(db, held)).toEqual(['solo0 g1 running'])
      expect(await holdsLease(db, inHand, margin)).toBe(true)
      // Taken again by the same worker, the step is another attempt's: the fence tells them apart, not the worker's name.
      const second = await claimOne(db, lost, worker)
      expect(await holdsLease(db, first, margin)).toBe(false)
      expect(await finish(first, 'of the first')).toBe('fenced')
      expect(await finish(second, 'of the second')).toBe('stored')
    })
  })
}
