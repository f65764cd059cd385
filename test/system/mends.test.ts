import { afterEach, describe, expect, test } from 'vitest'
import { rerunFrom, retryParked } from '../../src/engine/rerun.ts'
import { type Program, startProgram } from '../support/program.ts'

// Probes and waits at a fraction of their time; what is tested is who waits for what, not for how long.
const timings = { gateProbeMs: 400, retryDelaysMs: [100, 200, 300, 400, 500], sweepMs: 300, dispatchTickMs: 200 }

let program: Program | null = null
afterEach(async () => {
  await program?.close()
  program = null
})

async function begin(): Promise<Program> {
  program = await startProgram({ timings })
  return program
}

async function ring(on: Program, count: number, portals: string[] = ['acme']) {
  const [recording] = await on.sandbox.world.sound.recordings()
  const calls = await on.sandbox.addCalls({
    count,
    portals,
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

const entriesOf = (on: Program, portal: string) =>
  on.sandbox.effects(0, 'timeline-log').filter((effect) => effect.portal === portal)

async function statesOf(on: Program, runIds: readonly string[]) {
  const rows = await on.app.db
    .selectFrom('callsift.runs')
    .select(['id', 'state', 'class'])
    .where('id', 'in', runIds)
    .orderBy('id')
    .execute()
  return rows.map((row) => (row.class === null ? row.state : `${row.state} ${row.class}`))
}

async function allDone(on: Program, runIds: readonly string[]) {
  await on.until(async () => (await statesOf(on, runIds)).every((state) => state === 'done'))
}

describe('a person’s matter closes one gate, and after the mend everything goes on by itself', () => {
  test('a revoked key: few requests, one sentence, the other portal untouched', async () => {
    const on = await begin()
    await on.addPortal('other')
    on.sandbox.world.portal('acme').key.state = 'revoked'
    const { runIds } = await ring(on, 20)
    const other = await ring(on, 5, ['other'])
    await allDone(on, other.runIds)
    const gates = await on.until(async () => {
      const closed = await on.app.gates.list()
      return closed.length > 0 ? closed : null
    })
    expect(gates.every((gate) => gate.opensInMs === null)).toBe(true)
    expect(gates[0]?.message).toMatch(/key/i)
    expect(gates[0]?.hint).toBeTruthy()
    const refused = on.sandbox
      .requests()
      .filter(
        (request) => request.portal === 'acme' && request.status === 401 && !/\/v1\/me|\/v1\/models/.test(request.path),
      )
    // At most what was in flight when the first refusal came back: the dispatch window of the portal.
    expect(refused.length).toBeLessThanOrEqual(4)
    expect(new Set(await statesOf(on, runIds))).toEqual(new Set(['running']))

    on.sandbox.world.portal('acme').key.state = 'active'
    await allDone(on, runIds)
    expect(entriesOf(on, 'acme')).toHaveLength(20)
    expect(await on.app.gates.list()).toEqual([])
    const attempts = await on.app.db.selectFrom('callsift.steps').select('attempts').execute()
    expect(attempts.every((step) => step.attempts === 0)).toBe(true)
  })

  test('an empty balance: the model waits, entries of judged calls are still written', async () => {
    const on = await begin()
    on.sandbox.world.portal('acme').balance = 5
    const { runIds } = await ring(on, 10)
    const [gate] = await on.until(async () => {
      const closed = await on.app.gates.list()
      return closed.length > 0 ? closed : null
    })
    expect(gate?.name).toMatch(/^ai:/)
    expect(gate?.message).toMatch(/balance|funds/i)
    on.sandbox.world.portal('acme').balance = 1000
    await allDone(on, runIds)
    expect(entriesOf(on, 'acme')).toHaveLength(10)
    expect(on.sandbox.effects(0, 'transcription')).toHaveLength(10)
    expect(on.sandbox.effects(0, 'chat')).toHaveLength(10)
  })

  test('a missing scope: the CRM family waits, with the scope named', async () => {
    const on = await begin()
    const { scopes } = on.sandbox.world.portal('acme').key
    scopes.delete('crm')
    const { runIds } = await ring(on, 5)
    const [gate] = await on.until(async () => {
      const closed = await on.app.gates.list()
      return closed.length > 0 ? closed : null
    })
    expect(gate?.name).toBe('crm')
    expect(`${gate?.message} ${gate?.hint}`).toMatch(/scope/i)
    scopes.add('crm')
    await allDone(on, runIds)
    expect(entriesOf(on, 'acme')).toHaveLength(5)
  })

  test('one forbidden deal parks its own run and closes nothing', async () => {
    const on = await begin()
    const { calls, runIds } = await ring(on, 1)
    const portal = on.sandbox.world.portal('acme')
    portal.forbidden.add(`2:${calls[0]?.dealId}`)
    const more = await ring(on, 4)
    await allDone(on, more.runIds)
    await on.until(async () => (await statesOf(on, runIds))[0]?.startsWith('parked'))
    expect(await on.app.gates.list()).toEqual([])
    expect(entriesOf(on, 'acme')).toHaveLength(4)
    const paid = on.sandbox.effects(0, 'chat').length

    portal.forbidden.clear()
    expect(await retryParked(on.app.db, runIds[0] ?? '')).toBe(1)
    on.app.engine.kick()
    await allDone(on, runIds)
    expect(entriesOf(on, 'acme')).toHaveLength(5)
    expect(on.sandbox.effects(0, 'chat')).toHaveLength(paid)
  })
})

describe('what was paid for is kept', () => {
  test('a re-run from classify pays for no transcription and writes no second entry', async () => {
    const on = await begin()
    const { runIds } = await ring(on, 3)
    await allDone(on, runIds)
    for (const runId of runIds) await rerunFrom(on.app.db, on.app.registry, runId, 'classifyLead')
    on.app.engine.kick()
    await allDone(on, runIds)
    expect(on.sandbox.effects(0, 'transcription')).toHaveLength(3)
    expect(on.sandbox.effects(0, 'chat')).toHaveLength(6)
    expect(entriesOf(on, 'acme')).toHaveLength(3)
  })

  test('a verdict that changed in a re-run ends as kept: the CRM shows the earlier one', async () => {
    const on = await begin()
    const { runIds } = await ring(on, 1)
    await allDone(on, runIds)
    const other = JSON.stringify({ quality: 'low', score: 3, reason: 'Another verdict than before.' })
    on.sandbox.world.model.plans.push({ left: 1, plan: { mode: 'honest', content: other } })
    await rerunFrom(on.app.db, on.app.registry, runIds[0] ?? '', 'classifyLead')
    on.app.engine.kick()
    await allDone(on, runIds)
    const written = await on.app.db
      .selectFrom('callsift.steps')
      .select(['generation', 'output'])
      .where('name', '=', 'writeTimeline')
      .orderBy('generation')
      .execute()
    expect(written.map((step) => (step.output as { state: string }).state)).toEqual(['written', 'kept'])
    expect(entriesOf(on, 'acme')).toHaveLength(1)
  })
})
