import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import type { Database } from '../../src/db/connect.ts'
import { holdsLease } from '../../src/engine/lease.ts'
import { page } from '../../src/engine/page.ts'
import { retryParked } from '../../src/engine/rerun.ts'
import { createSweep } from '../../src/engine/sweep.ts'
import { beat, freeDeadWorkers } from '../../src/engine/workers.ts'
import {
  claimOne,
  emptyRecord,
  eventually,
  newWorker,
  openRecord,
  readRun,
  readSteps,
  silentLog,
  sketch,
  startRun,
  stopHeart,
  timingsOf,
} from '../support/engine-bench.ts'
import { carryOut, testRegistry } from '../support/engine-workflows.ts'

const registry = testRegistry()
const timings = timingsOf({ workerTtlMs: 2_000 })

for (const kind of ['postgres', 'pglite'] as const) {
  const bench = await openRecord(kind, `crashes on ${kind}`)
  describe.skipIf(bench === undefined)(`crashes on ${kind}`, () => {
    const db = bench?.db as Database
    beforeEach(() => emptyRecord(db))
    afterAll(() => bench?.close())

    /** A worker takes the step, perhaps gets past its gate, and dies. */
    const crash = async (runId: string, passesGate: boolean) => {
      const worker = await newWorker(db)
      const claim = await claimOne(db, runId, worker)
      if (passesGate) expect(await holdsLease(db, claim, { workerTtlMs: timings.workerTtlMs, marginMs: 0 })).toBe(true)
      await stopHeart(db, worker)
      const freed = await freeDeadWorkers(db, registry, timings)
      expect(freed).toMatchObject({ workers: 1, steps: 1 })
      return { claim, step: (await readSteps(db, runId))[0], poisoned: freed.poisoned }
    }

    it('frees the steps of a worker without a heartbeat at once, in their place, and leaves the living alone', async () => {
      const [dead, alive] = [await newWorker(db), await newWorker(db)]
      const [lost, kept] = [await startRun(db, registry, 'lone', {}), await startRun(db, registry, 'lone', {})]
      const before = await db
        .selectFrom('callsift.steps')
        .select('due_at')
        .where('run_id', '=', lost)
        .executeTakeFirst()
      await claimOne(db, lost, dead)
      await claimOne(db, kept, alive)
      await stopHeart(db, dead)
      expect(await freeDeadWorkers(db, registry, timings)).toEqual({ workers: 1, steps: 1, poisoned: 0 })
      expect(await sketch(db, lost)).toEqual(['solo0 g1 ready'])
      expect(await sketch(db, kept)).toEqual(['solo0 g1 running'])
      expect(
        await db.selectFrom('callsift.steps').select('due_at').where('run_id', '=', lost).executeTakeFirst(),
      ).toEqual(before)
      expect(await beat(db, dead)).toBe(false)
      expect(await beat(db, alive)).toBe(true)
      const attempts = await db.selectFrom('callsift.attempts').select(['worker_id', 'outcome']).orderBy('id').execute()
      expect(attempts).toEqual([
        { worker_id: dead, outcome: 'lost' },
        { worker_id: alive, outcome: null },
      ])
    })

    it('counts a crash only if the step had passed its gate: six others change nothing', async () => {
      const runId = await startRun(db, registry, 'lone', {})
      for (let n = 0; n < 6; n += 1) {
        expect((await crash(runId, false)).step).toMatchObject({ state: 'ready', crashes: 0, alone: false })
      }
    })

    it('counts each crash of a step that has no gate', async () => {
      const runId = await startRun(db, registry, 'free', {})
      await crash(runId, false)
      expect((await crash(runId, false)).step).toMatchObject({ crashes: 2, alone: true })
    })

    it('after two crashes it runs alone, after three alone it is parked as poison; retried, it begins anew', async () => {
      const runId = await startRun(db, registry, 'lone', {})
      expect((await crash(runId, true)).step).toMatchObject({ crashes: 1, alone: false })
      expect((await crash(runId, true)).step).toMatchObject({ crashes: 2, alone: true })
      for (const n of [1, 2, 3]) {
        const { claim, step, poisoned } = await crash(runId, true)
        expect(claim.alone).toBe(true)
        expect(poisoned).toBe(n === 3 ? 1 : 0)
        expect(step).toMatchObject(
          n === 3 ? { state: 'parked', class: 'poison', policy: 'manual' } : { state: 'ready' },
        )
      }
      expect(await readRun(db, runId)).toEqual({ state: 'parked', class: 'poison' })
      expect(await retryParked(db, runId)).toBe(1)
      expect((await readSteps(db, runId))[0]).toMatchObject({ state: 'ready', crashes: 0, alone: false })
    })

    it('a step that pages forgets the crashes before each page: those of a night of 200 pages are no poison', async () => {
      const runId = await startRun(db, registry, 'batch', {})
      const turn = async (n: number) => {
        const claim = await claimOne(db, runId, await newWorker(db))
        await carryOut({ db, registry, timings, random: () => 0.5 }, claim, () =>
          page({ children: [], cursor: { page: n } }),
        )
        return (await readSteps(db, runId))[0]
      }
      for (let n = 0; n < 4; n += 1) {
        await crash(runId, true)
        expect((await crash(runId, true)).step).toMatchObject({ crashes: 2, alone: true })
        expect((await crash(runId, true)).step).toMatchObject({ state: 'ready', alone: true })
        expect(await turn(n)).toMatchObject({ state: 'ready', crashes: 0, alone: false })
      }
      // The same page again and again is one.
      for (let n = 0; n < 5; n += 1) await crash(runId, true)
      expect(await readRun(db, runId)).toEqual({ state: 'parked', class: 'poison' })
    })

    it('two sweeps at once free each step once', async () => {
      const other = (await bench?.connect())?.db ?? db
      const worker = await newWorker(db)
      const runs = []
      for (let n = 0; n < 12; n += 1) runs.push(await startRun(db, registry, 'free', {}))
      for (const runId of runs) await claimOne(db, runId, worker)
      await stopHeart(db, worker)
      const both = await Promise.all([
        freeDeadWorkers(db, registry, timings),
        freeDeadWorkers(other, registry, timings),
      ])
      expect(both.reduce((sum, one) => sum + one.steps, 0)).toBe(12)
      for (const runId of runs)
        expect((await readSteps(db, runId))[0]).toMatchObject({ state: 'ready', crashes: 1, fence: 2 })
    })

    it('frees what a sweep that broke off half-way left lying', async () => {
      const worker = await newWorker(db)
      const runId = await startRun(db, registry, 'lone', {})
      await claimOne(db, runId, worker)
      await db.deleteFrom('callsift.workers').execute()
      expect(await freeDeadWorkers(db, registry, timings)).toEqual({ workers: 0, steps: 1, poisoned: 0 })
    })

    it('a statement that comes out of a pause of the database declares nobody dead', async () => {
      const worker = await newWorker(db)
      await stopHeart(db, worker)
      expect(await freeDeadWorkers(db, registry, timings, new Date(Date.now() - 60_000))).toMatchObject({ workers: 0 })
      expect(await freeDeadWorkers(db, registry, timings, new Date(Date.now() + 60_000))).toMatchObject({ workers: 1 })
    })

    it('after an outage of the record, nobody is declared dead until a whole life of a heartbeat has passed', async () => {
      const worker = await newWorker(db)
      let away = false
      const failing = db.withPlugin({
        transformQuery: ({ node }) => {
          if (away) throw new Error('the record is away')
          return node
        },
        transformResult: async ({ result }) => result,
      })
      let rounds = 0
      // Long beside four rounds of the sweep, also on a machine that has other work.
      const lastsMs = 1_500
      const sweep = createSweep({
        everyMs: 20,
        workerTtlMs: lastsMs,
        db: failing,
        registry,
        log: silentLog,
        freeLost: async () => {
          rounds += 1
          return 0
        },
        checkMemory: async () => ({ lost: false, redispatched: 0 }),
        kick: () => undefined,
      })
      const listed = async () => (await db.selectFrom('callsift.workers').select('id').execute()).length
      // The living beat while the record is there.
      let beating: NodeJS.Timeout | undefined = setInterval(() => void beat(db, worker), 50)
      try {
        sweep.start()
        await eventually(() => rounds > 2)
        away = true
        clearInterval(beating)
        beating = undefined
        // Everybody's heartbeat grows old meanwhile, since nobody can beat.
        await new Promise((resolve) => setTimeout(resolve, lastsMs * 1.5))
        const healedAt = performance.now()
        const roundsBefore = rounds
        away = false
        await eventually(() => rounds > roundsBefore + 3)
        expect(performance.now() - healedAt).toBeLessThan(lastsMs)
        expect(await listed()).toBe(1)
        // Who does not beat even then is dead.
        await eventually(async () => (await listed()) === 0)
        expect(performance.now() - healedAt).toBeGreaterThanOrEqual(lastsMs * 0.9)
      } finally {
        clearInterval(beating)
        await sweep.close()
      }
    })
  })
}
