import { setTimeout as wait } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import type { Database } from '../../src/db/connect.ts'
import { createGates, type Gates } from '../../src/engine/gates.ts'
import { createSlots } from '../../src/engine/slots.ts'
import { freeDeadWorkers } from '../../src/engine/workers.ts'
import type { RequestPlan } from '../../src/vibecode/guard.ts'
import type { Failure } from '../../src/wire/errors.ts'
import { createGuard, type GuardDeps } from '../../workers/guard.ts'
import {
  claimOne,
  emptyRecord,
  newWorker,
  openRecord,
  startRun,
  stopHeart,
  timingsOf,
} from '../support/engine-bench.ts'
import { testRegistry } from '../support/engine-workflows.ts'

const registry = testRegistry()
const timings = timingsOf({ permitMs: 600, slotWaitMs: 100, workerTtlMs: 2_000 })
const ai: RequestPlan = { family: 'ai', model: 'm' }
const crm: RequestPlan = { family: 'crm' }

function failing(changes: Partial<Failure>): Failure {
  const plain = { class: 'rate_limited', outcome: 'later', scope: 'family', needsPerson: false, doubt: false }
  return { ...plain, message: 'refused', hint: 'wait', ...changes } as Failure
}

for (const kind of ['postgres', 'pglite'] as const) {
  const bench = await openRecord(kind, `the guard before each request on ${kind}`)
  describe.skipIf(bench === undefined)(`the guard before each request on ${kind}`, () => {
    const db = bench?.db as Database
    let gates: Gates
    beforeEach(async () => {
      await emptyRecord(db)
      gates = createGates({ db, looseDb: db }, { perMinute: 60_000, perSecond: 1_000 })
    })
    afterAll(() => bench?.close())

    const guardOf = (more: Partial<GuardDeps> = {}) =>
      createGuard({
        db,
        gates,
        slots: createSlots(db, (ms) => wait(ms)),
        timings,
        keyId: 'k1',
        portalId: 'p1',
        claim: null,
        workerId: 'outside',
        random: () => 0.5,
        onClosed: () => undefined,
        noteRequest: () => undefined,
        ...more,
      })
    const enteredBy = async () => {
      const workerId = await newWorker(db)
      const claim = await claimOne(db, await startRun(db, registry, 'lone', {}), workerId)
      return { workerId, guard: guardOf({ claim, workerId }) }
    }

    it('lets a request out while its permit is fresh, and never after: a frozen process must ask again', async () => {
      const { guard } = await enteredBy()
      const permit = await guard.enter(crm)
      expect(() => permit.assertFresh()).not.toThrow()
      await wait(timings.permitMs + 10)
      expect(() => permit.assertFresh()).toThrow('lapsed')
      await permit.leave({})
    })

    it('lets nothing out for an attempt whose worker was declared dead, and gives its slot back', async () => {
      const { guard, workerId } = await enteredBy()
      await stopHeart(db, workerId)
      await freeDeadWorkers(db, registry, timings)
      await expect(guard.enter(crm)).rejects.toMatchObject({ name: 'Later', class: 'lease_lost' })
      const [one, two] = [await guardOf().enter(crm), await guardOf().enter(crm)]
      await Promise.all([one.leave({ status: 200 }), two.leave({ status: 200 })])
    })

    it('marks that the step has passed its gate only when a request may really leave', async () => {
      const passed = async () =>
        (await sql<{ passed: boolean }>`select gate_passed as passed from callsift.steps`.execute(db)).rows[0]?.passed
      const { guard } = await enteredBy()
      await gates.close('k1', 'crm', { forMs: 60_000, class: 'c', message: 'm', hint: 'h' })
      await expect(guard.enter(crm)).rejects.toMatchObject({ name: 'Blocked', gate: 'crm' })
      expect(await passed()).toBe(false)
      await gates.open('k1', 'crm')
      await (await guard.enter(crm)).leave({ status: 200 })
      expect(await passed()).toBe(true)
    })

    it('holds two requests of a portal at once and puts the third off; a refusal frees its slot', async () => {
      const guard = guardOf()
      const permits = [await guard.enter(crm), await guard.enter({ family: 'portal' })]
      await expect(guard.enter(crm)).rejects.toMatchObject({ name: 'Later', class: 'portal_busy' })
      // A model's provider is not the portal.
      await (await guard.enter(ai)).leave({ status: 200 })
      for (const permit of permits) await permit.leave({ status: 200 })
      await gates.close('k1', 'crm', { forMs: 60_000, class: 'c', message: 'm', hint: 'h' })
      for (let n = 0; n < 5; n += 1) await expect(guard.enter(crm)).rejects.toMatchObject({ name: 'Blocked' })
      await gates.open('k1', 'crm')
      await (await guard.enter(crm)).leave({ status: 200 })
    })

    it('closes the family for as long as a 429 says, and says when to look again', async () => {
      const told: number[] = []
      const guard = guardOf({ onClosed: (ms) => told.push(ms) })
      const permit = await guard.enter(crm)
      await permit.leave({ status: 429, failure: failing({ waitMs: 5_000 }) })
      expect(told).toEqual([5_000])
      await expect(guard.enter(crm)).rejects.toMatchObject({ name: 'Blocked', gate: 'crm', class: 'rate_limited' })
      await (await guard.enter(ai)).leave({ status: 200 })
    })

    it("closes what a person must mend: a model's balance holds that model alone, one entity's refusal holds nothing", async () => {
      const guard = guardOf()
      const empty = failing({ class: 'no_balance', outcome: 'permanent', scope: 'model', needsPerson: true })
      const permit = await guard.enter(ai)
      await expect(permit.leave({ status: 402, failure: empty })).rejects.toMatchObject({
        name: 'Blocked',
        gate: 'ai:m',
      })
      await expect(guard.enter(ai)).rejects.toMatchObject({ name: 'Blocked', gate: 'ai:m', class: 'no_balance' })
      await (await guard.enter({ family: 'ai', model: 'other' })).leave({ status: 200 })
      const one = await guard.enter(crm)
      await one.leave({ status: 403, failure: failing({ class: 'forbidden', outcome: 'permanent', scope: 'entity' }) })
      await (await guard.enter(crm)).leave({ status: 200 })
    })

    it('lets one real request try a gate: it opens on success, and stays closed on failure', async () => {
      const guard = guardOf()
      const empty = failing({ class: 'no_balance', outcome: 'permanent', scope: 'model', needsPerson: true })
      await gates.close('k1', 'ai:m', { forMs: null, class: 'no_balance', message: 'm', hint: 'h' })
      await gates.allowTrial('k1', 'ai:m')
      const first = await guard.enter(ai)
      await expect(guard.enter(ai)).rejects.toMatchObject({ name: 'Blocked' })
      await expect(first.leave({ status: 402, failure: empty })).rejects.toMatchObject({ name: 'Blocked' })
      await expect(guard.enter(ai)).rejects.toMatchObject({ name: 'Blocked' })
      await gates.allowTrial('k1', 'ai:m')
      await (await guard.enter(ai)).leave({ status: 200 })
      await (await guard.enter(ai)).leave({ status: 200 })
    })

    it('sends nothing after the moment it was limited to', async () => {
      const guard = guardOf()
      guard.limit(performance.now() + 20)
      const permit = await guard.enter(crm)
      await wait(30)
      expect(() => permit.assertFresh()).toThrow('lapsed')
      await permit.leave({})
      await expect(guard.enter(crm)).rejects.toMatchObject({ name: 'Later', class: 'permit_lapsed' })
      guard.limit(null)
      await (await guard.enter(crm)).leave({ status: 200 })
    })
  })
}
