import fc from 'fast-check'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { randomOf } from '../../support/tone-calls.ts'
import { keepSitting } from '../harness/results.ts'
import { openSimulatedRecord, type SimulatedRecord } from './record.ts'
import { simulate } from './simulate.ts'

/** 2,000 unless told; a seed that fails is printed with its path, and becomes a named test below. */
const numRuns = Number(process.env['SIMULATION_SEEDS'] ?? '2000')
const seed = Number(process.env['SIMULATION_SEED'] ?? '20261126')

let record: SimulatedRecord
beforeAll(async () => {
  record = await openSimulatedRecord()
  // Only this clock stands still until it is moved: leases and deadlines of a process go by it.
  vi.useFakeTimers({ toFake: ['performance'] })
}, 120_000)
afterAll(async () => {
  vi.useRealTimers()
  await record.close()
})

const clock = { advance: (ms: number) => void vi.advanceTimersByTime(ms) }

it(`SIM: over ${numRuns} seeds nothing is lost, written twice or paid twice, wherever processes end`, async () => {
  let [steps, crashes] = [0, 0]
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.nat(), async (scheduler, dice) => {
      const seen = await simulate(record, scheduler, randomOf(dice), clock).catch((error: unknown) => {
        throw new Error(`dice ${dice}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
      })
      steps += seen.steps
      crashes += seen.crashes
    }),
    // What a scheduler did cannot be made smaller without becoming another history.
    { numRuns, seed, endOnFailure: true },
  )
  keepSitting('simulation', [`${numRuns} seeds held, ${steps} steps, ${crashes} processes ended at an await`])
  expect(crashes).toBeGreaterThan(numRuns)
}, 3_600_000)
