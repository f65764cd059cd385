import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import { retryParked } from '../../src/engine/rerun.ts'
import { showCall } from '../../src/ops/call-show.ts'
import { type Program, startProgram } from '../support/program.ts'

/** A day, run in seconds. */
const laterBudgetMs = 4_000

let on: Program
beforeAll(async () => {
  on = await startProgram({ timings: { laterBudgetMs, dispatchTickMs: 100, gateProbeMs: 400 } })
})
afterAll(() => on.close())

const take = async (portal: string) => {
  const [recording] = await on.sandbox.world.sound.recordings()
  const spec = { portal, entity: 'deal' as const, sendEvent: false }
  const call = await on.sandbox.addCall(recording === undefined ? spec : { ...spec, recordingId: recording.id })
  const incoming = { portalId: portal, source: 'event' as const, callRef: call.callId, masked: {} }
  const { callId, runId } = await on.app.intake.accept(incoming)
  on.app.engine.kick()
  return { callId, runId }
}
const settled = (callId: string, state: string) =>
  on.until(async () => {
    const shown = await showCall(on.app, { call: callId }, { actor: 'test', role: 'viewer' })
    return shown.run?.state === state && shown
  }, 60_000)

describe('U05 a 429 that never ends', () => {
  test('is given a day', () => {
    expect(loadConfig({}).timings.laterBudgetMs).toBe(24 * 3_600_000)
  })

  test('parks the call as rate_limited, with few requests, no attempt spent and nobody else held up; a retry goes on', async () => {
    const { id: portal } = await on.addPortal('limited')
    const route = 'transcription'
    on.sandbox.addFault({ route, portal, kind: 'status', status: 429, retryAfter: 1 })
    const { callId, runId } = await take(portal)
    const began = performance.now()
    const other = await take(on.portal.id)
    await settled(other.callId, 'done')

    const parked = await settled(callId, 'parked')
    expect(performance.now() - began).toBeGreaterThan(laterBudgetMs - 1_100)
    expect(parked.cause?.class).toBe('rate_limited')
    expect(parked.answer.sentence).toContain('transcribePart is parked')
    expect(parked.answer.mend).not.toBeNull()
    const step = parked.steps.find((one) => one.name === 'transcribePart')
    // While the key waits it may find the gate closed; none of its tries counts as a failed attempt.
    for (const attempt of step?.attempts ?? []) expect(['later', 'blocked']).toContain(attempt.outcome)
    const asked = on.sandbox.requests().filter((request) => request.portal === portal && request.route === route)
    expect(asked.length).toBeGreaterThanOrEqual(3)
    // One a second at most, as the header says.
    expect(asked.length).toBeLessThanOrEqual(laterBudgetMs / 1_000 + 2)

    on.sandbox.clearFaults()
    await retryParked(on.app.db, runId)
    on.app.engine.kick()
    expect((await settled(callId, 'done')).entry).toMatchObject({ state: 'written' })
  })
})
