import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { rerunFrom, retryParked } from '../../src/engine/rerun.ts'
import type { Portal as UpstreamPortal } from '../../src/sandbox/portal.ts'
import { type Program, startProgram } from '../support/program.ts'

// Probes and waits at a fraction of their time; what is tested is who waits for what, not for how long.
const timings = { gateProbeMs: 400, retryDelaysMs: [100, 200, 300, 400, 500], sweepMs: 300, dispatchTickMs: 200 }

let on: Program
let portals = 0
beforeAll(async () => {
  on = await startProgram({ timings })
})
afterAll(() => on.close())

/** A portal of the test's own: its key has its own gates. */
async function newPortal(): Promise<{ id: string; keyId: string; upstream: UpstreamPortal }> {
  portals += 1
  const { id, keyId } = await on.addPortal(`mends-${portals}`)
  return { id, keyId, upstream: on.sandbox.world.portal(id) }
}

async function ring(portal: string, count: number) {
  const [recording] = await on.sandbox.world.sound.recordings()
  const calls = await on.sandbox.addCalls({
    count,
    portals: [portal],
    entity: 'deal',
    sendEvent: false,
    ...(recording === undefined ? {} : { recordingId: recording.id }),
  })
  const accepted = await Promise.all(
    calls.map((call) =>
      on.app.intake.accept({
        portalId: call.portal,
        source: 'event',
        callRef: call.callId,
        activityId: String(call.activityId),
        masked: {},
      }),
    ),
  )
  return { calls, runIds: accepted.map((one) => one.runId) }
}

const effectsOf = (portal: string, kind: 'timeline-log' | 'transcription' | 'chat') =>
  on.sandbox.effects(0, kind).filter((effect) => effect.portal === portal)
const closedOf = async (keyId: string) => (await on.app.gates.list()).filter((gate) => gate.keyId === keyId)
const firstClosed = (keyId: string) => on.until(async () => (await closedOf(keyId))[0])

async function statesOf(runIds: readonly string[]) {
  const rows = await on.app.db
    .selectFrom('callsift.runs')
    .select(['id', 'state', 'class'])
    .where('id', 'in', runIds)
    .orderBy('id')
    .execute()
  return rows.map((row) => (row.class === null ? row.state : `${row.state} ${row.class}`))
}

async function allDone(runIds: readonly string[]) {
  await on.until(async () => (await statesOf(runIds)).every((state) => state === 'done'))
}

describe('a person’s matter closes one gate, and after the mend everything goes on by itself', () => {
  test('a revoked key: few requests, one sentence, the other portal untouched', async () => {
    const { id, keyId, upstream } = await newPortal()
    const other = await newPortal()
    upstream.key.state = 'revoked'
    const { runIds } = await ring(id, 20)
    await allDone((await ring(other.id, 5)).runIds)
    const gate = await firstClosed(keyId)
    expect(gate.opensInMs).toBeNull()
    expect(gate.message).toMatch(/key/i)
    expect(gate.hint).toBeTruthy()
    const refused = on.sandbox
      .requests()
      .filter((request) => request.portal === id && request.status === 401 && !/\/v1\/(me|models)/.test(request.path))
    // At most what was in flight when the first refusal came back: the dispatch window of the portal.
    expect(refused.length).toBeLessThanOrEqual(4)
    expect(new Set(await statesOf(runIds))).toEqual(new Set(['running']))

    upstream.key.state = 'active'
    await allDone(runIds)
    expect(effectsOf(id, 'timeline-log')).toHaveLength(20)
    expect(await closedOf(keyId)).toEqual([])
    const attempts = await on.app.db
      .selectFrom('callsift.steps')
      .select('attempts')
      .where('portal_id', '=', id)
      .execute()
    expect(attempts.every((step) => step.attempts === 0)).toBe(true)
  })

  test('an empty balance: the model waits, entries of judged calls are still written', async () => {
    const { id, keyId, upstream } = await newPortal()
    upstream.balance = 5
    const { runIds } = await ring(id, 10)
    const gate = await firstClosed(keyId)
    expect(gate.name).toMatch(/^ai:/)
    expect(gate.message).toMatch(/balance|funds/i)
    upstream.balance = 1000
    await allDone(runIds)
    for (const kind of ['timeline-log', 'transcription', 'chat'] as const) expect(effectsOf(id, kind)).toHaveLength(10)
  })

  test('a missing scope: the CRM family waits, with the scope named', async () => {
    const { id, keyId, upstream } = await newPortal()
    upstream.key.scopes.delete('crm')
    const { runIds } = await ring(id, 5)
    const gate = await firstClosed(keyId)
    expect(gate.name).toBe('crm')
    expect(`${gate.message} ${gate.hint}`).toMatch(/scope/i)
    upstream.key.scopes.add('crm')
    await allDone(runIds)
    expect(effectsOf(id, 'timeline-log')).toHaveLength(5)
  })

  test('one forbidden deal parks its own run and closes nothing', async () => {
    const { id, keyId, upstream } = await newPortal()
    const { calls, runIds } = await ring(id, 1)
    upstream.forbidden.add(`2:${calls[0]?.dealId}`)
    await allDone((await ring(id, 4)).runIds)
    await on.until(async () => (await statesOf(runIds))[0]?.startsWith('parked'))
    expect(await closedOf(keyId)).toEqual([])
    expect(effectsOf(id, 'timeline-log')).toHaveLength(4)
    const paid = effectsOf(id, 'chat').length

    upstream.forbidden.clear()
    expect(await retryParked(on.app.db, runIds[0] ?? '')).toBe(1)
    on.app.engine.kick()
    await allDone(runIds)
    expect(effectsOf(id, 'timeline-log')).toHaveLength(5)
    expect(effectsOf(id, 'chat')).toHaveLength(paid)
  })
})

describe('what was paid for is kept', () => {
  test('a re-run from classify pays for no transcription and writes no second entry', async () => {
    const { id } = await newPortal()
    const { runIds } = await ring(id, 3)
    await allDone(runIds)
    for (const runId of runIds) await rerunFrom(on.app.db, on.app.registry, runId, 'classifyLead')
    on.app.engine.kick()
    await allDone(runIds)
    expect(effectsOf(id, 'transcription')).toHaveLength(3)
    expect(effectsOf(id, 'chat')).toHaveLength(6)
    expect(effectsOf(id, 'timeline-log')).toHaveLength(3)
  })

  test('a verdict that changed in a re-run ends as kept: the CRM shows the earlier one', async () => {
    const { id } = await newPortal()
    const { runIds } = await ring(id, 1)
    await allDone(runIds)
    const other = JSON.stringify({ quality: 'low', score: 3, reason: 'Another verdict than before.' })
    on.sandbox.world.model.plans.push({ portal: id, left: 1, plan: { mode: 'honest', content: other } })
    await rerunFrom(on.app.db, on.app.registry, runIds[0] ?? '', 'classifyLead')
    on.app.engine.kick()
    await allDone(runIds)
    const written = await on.app.db
      .selectFrom('callsift.steps')
      .select(['generation', 'output'])
      .where('name', '=', 'writeTimeline')
      .where('portal_id', '=', id)
      .orderBy('generation')
      .execute()
    expect(written.map((step) => (step.output as { state: string }).state)).toEqual(['written', 'kept'])
    expect(effectsOf(id, 'timeline-log')).toHaveLength(1)
  })
})
