import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import type { Database } from '../../src/db/connect.ts'
import { finishStep } from '../../src/engine/finish.ts'
import { cancelRun, rerunFrom, retryParked } from '../../src/engine/rerun.ts'
import { freeDeadWorkers } from '../../src/engine/workers.ts'
import { Permanent } from '../../src/errors.ts'
import {
  claimDue,
  claimOne,
  emptyRecord,
  newWorker,
  openRecord,
  readRun,
  readSteps,
  sketch,
  startRun,
  stopHeart,
  timingsOf,
} from '../support/engine-bench.ts'
import { type Act, carryOut, testRegistry } from '../support/engine-workflows.ts'

const registry = testRegistry()
const timings = timingsOf()

for (const kind of ['postgres', 'pglite'] as const) {
  const bench = await openRecord(kind, `generations on ${kind}`)
  describe.skipIf(bench === undefined)(`generations on ${kind}`, () => {
    const db = bench?.db as Database
    const deps = { db, registry, timings, random: () => 0.5 }
    beforeEach(() => emptyRecord(db))
    afterAll(() => bench?.close())

    /** Works off everything that is due, and says which steps were really run. */
    const workOff = async (runId: string, worker: string, act: Act) => {
      const ran: string[] = []
      for (;;) {
        const claims = await claimDue(db, runId, worker)
        if (claims.length === 0) return ran
        for (const claim of claims) {
          ran.push(`${claim.stepName}${claim.index}`)
          await carryOut(deps, claim, act)
        }
      }
    }
    const say =
      (words: Record<string, unknown>): Act =>
      (step) =>
        words[step] ?? step

    it('runs the asked-for step again, reuses what stands before it, and what follows where its input is unchanged', async () => {
      const worker = await newWorker(db)
      const runId = await startRun(db, registry, 'chain', { text: 'x' })
      expect(await workOff(runId, worker, say({}))).toEqual(['first0', 'second0', 'third0'])
      await rerunFrom(db, registry, runId, 'second')
      // The new output equals the old one, so the third step's input is unchanged: paid for already.
      expect(await workOff(runId, worker, say({}))).toEqual(['second0'])
      expect(await readRun(db, runId)).toEqual({ state: 'done', class: null })
      await rerunFrom(db, registry, runId, 'second')
      expect(await workOff(runId, worker, say({ second: 'changed' }))).toEqual(['second0', 'third0'])
      await rerunFrom(db, registry, runId, 'third')
      expect(await workOff(runId, worker, say({}))).toEqual(['third0'])
      const lines = await sketch(db, runId)
      expect(lines.slice(-3)).toEqual(['first0 g4 done', 'second0 g4 done', 'third0 g4 done'])
      const steps = await readSteps(db, runId)
      expect(steps.filter((step) => step.generation === 4).map((step) => step.output)).toEqual([
        'first',
        'changed',
        'third',
      ])
    })

    it('repeats of a fan only what was asked for: all parts, or none of them', async () => {
      const worker = await newWorker(db)
      const runId = await startRun(db, registry, 'fan', { parts: 3 })
      const act: Act = (step, input) => (step === 'part' ? `part ${String(input.item)}` : 'sum')
      expect(await workOff(runId, worker, act)).toEqual(['part0', 'part1', 'part2', 'gather0'])
      await rerunFrom(db, registry, runId, 'gather')
      expect(await workOff(runId, worker, act)).toEqual(['gather0'])
      await rerunFrom(db, registry, runId, 'part')
      expect(await workOff(runId, worker, act)).toEqual(['part0', 'part1', 'part2'])
      expect((await readRun(db, runId)).state).toBe('done')
    })

    it('keeps the paid output of an attempt that the run moved on from, and creates nothing for it', async () => {
      const worker = await newWorker(db)
      const runId = await startRun(db, registry, 'chain', {})
      await carryOut(deps, await claimOne(db, runId, worker), say({}))
      const old = await claimOne(db, runId, worker)
      await rerunFrom(db, registry, runId, 'first')
      expect(await carryOut(deps, old, say({ second: 'paid for' }))).toBe('late')
      expect(await sketch(db, runId)).toEqual(['first0 g1 done', 'second0 g1 done', 'first0 g2 ready'])
      // The first step says the same again, so what was paid for late is what the second step gives.
      expect(await workOff(runId, worker, say({}))).toEqual(['first0', 'third0'])
      const steps = await readSteps(db, runId)
      expect(steps.find((step) => step.name === 'second' && step.generation === 2)?.output).toBe('paid for')
    })

    it('does not work on what the run has moved on from, or what was cancelled, when its worker dies', async () => {
      const [dead, alive] = [await newWorker(db), await newWorker(db)]
      const [moved, cancelled] = [await startRun(db, registry, 'chain', {}), await startRun(db, registry, 'lone', {})]
      await claimOne(db, moved, dead)
      const written = await claimOne(db, cancelled, dead)
      await rerunFrom(db, registry, moved, 'first')
      await cancelRun(db, registry, cancelled)
      await stopHeart(db, dead)
      expect(await freeDeadWorkers(db, registry, timings)).toEqual({ workers: 1, steps: 2, poisoned: 0 })
      expect(await sketch(db, moved)).toEqual(['first0 g1 cancelled', 'first0 g2 ready'])
      expect(await sketch(db, cancelled)).toEqual(['solo0 g1 cancelled'])
      expect(await claimDue(db, cancelled, alive)).toEqual([])
      expect(await finishStep(deps, written, { kind: 'released' })).toBe('fenced')
    })

    it('ends early where a step says so, also when that step is reused', async () => {
      const worker = await newWorker(db)
      const runId = await startRun(db, registry, 'guarded', {})
      expect(await workOff(runId, worker, say({ early: { ended: 'no_speech' } }))).toEqual(['early0'])
      expect(await readRun(db, runId)).toEqual({ state: 'done', class: 'no_speech' })
      await rerunFrom(db, registry, runId, 'late')
      expect(await workOff(runId, worker, say({}))).toEqual([])
      expect(await readRun(db, runId)).toEqual({ state: 'done', class: 'no_speech' })
      await rerunFrom(db, registry, runId, 'early')
      expect(await workOff(runId, worker, say({}))).toEqual(['early0', 'late0'])
    })

    it('sets only what is parked on its way again, with all its attempts, and refuses a step it does not have', async () => {
      const worker = await newWorker(db)
      const runId = await startRun(db, registry, 'fan', { parts: 2 })
      const failing: Act = (_step, input) => {
        if (input.item === 1) throw new Permanent('unreadable', { message: 'no' })
        return 'fine'
      }
      expect(await workOff(runId, worker, failing)).toEqual(['part0', 'part1'])
      expect(await readRun(db, runId)).toEqual({ state: 'parked', class: 'unreadable' })
      expect(await retryParked(db, runId)).toBe(1)
      expect(await readRun(db, runId)).toEqual({ state: 'running', class: null })
      expect(await workOff(runId, worker, say({}))).toEqual(['part1', 'gather0'])
      expect(await retryParked(db, runId)).toBe(0)
      await expect(rerunFrom(db, registry, runId, 'nowhere')).rejects.toThrow('has no step nowhere')
    })

    it('gives one whole generation when a finish and a run-again meet', async () => {
      const other = (await bench?.connect())?.db ?? db
      const worker = await newWorker(db)
      for (let round = 0; round < 40; round += 1) {
        const runId = await startRun(db, registry, 'chain', { text: String(round) })
        await carryOut(deps, await claimOne(db, runId, worker), say({}))
        const claim = await claimOne(db, runId, worker)
        const [ended] = await Promise.all([
          carryOut(deps, claim, say({})),
          rerunFrom(other, registry, runId, round % 2 === 0 ? 'first' : 'second'),
        ])
        expect(['stored', 'late']).toContain(ended)
        await workOff(runId, worker, say({}))
        expect(await readRun(db, runId)).toEqual({ state: 'done', class: null })
        const second = (await readSteps(db, runId)).filter((step) => step.generation === 2)
        expect(second.map((step) => `${step.name} ${step.state}`)).toEqual(['first done', 'second done', 'third done'])
        const open = (await readSteps(db, runId)).filter((step) => !['done', 'cancelled'].includes(step.state))
        expect(open).toEqual([])
      }
    })
  })
}
