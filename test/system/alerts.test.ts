import { createHmac } from 'node:crypto'
import { request } from 'undici'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { listAlerts } from '../../src/db/alerts.ts'
import { finishReconcile, setPortalSettings } from '../../src/db/portals.ts'
import { alertTest } from '../../src/ops/alerts.ts'
import { runOperation } from '../../src/ops/operation.ts'
import { portalSettings } from '../../src/ops/portals.ts'
import { createAlerts } from '../../workers/alerts/alerts.ts'
import { type AlertReceiver, startAlertReceiver } from '../support/alert-receiver.ts'
import { type Program, startProgram } from '../support/program.ts'

const secret = 'a secret shared with the receiver'
// Rounds are run by hand; what is tested is who is told what, not how often it is looked.
const timings = {
  alertEveryMs: 3_600_000,
  alertQuietMs: 0,
  alertRetryMs: [20],
  alertNoWorkerMs: 0,
  gateProbeMs: 300,
  dispatchTickMs: 100,
}

let receiver: AlertReceiver
let program: Program | null = null
beforeEach(async () => {
  receiver = await startAlertReceiver()
})
afterEach(async () => {
  await program?.close()
  program = null
  await receiver.close()
})

async function begin(options: { env?: Record<string, string>; work?: boolean; more?: Record<string, unknown> } = {}) {
  program = await startProgram({
    timings: { ...timings, ...options.more },
    env: {
      CALLSIFT_ALERT_URL: receiver.url,
      CALLSIFT_ALERT_SECRET: secret,
      CALLSIFT_ALLOW_HOSTS: receiver.host,
      ...options.env,
    },
    ...(options.work === undefined ? {} : { work: options.work }),
  })
  return program
}

async function acceptCall(on: Program, callRef = 'c1') {
  return await on.app.intake.accept({ portalId: 'acme', source: 'event', callRef, masked: {} })
}

const told = () => receiver.received.map(({ body }) => `${body['phase']} ${body['kind']}`)

describe('one message for a cause, one for its end', () => {
  test('a closed gate: told once by all processes, over restarts, signed, with the mend; then its end', async () => {
    const on = await begin()
    on.sandbox.world.portal('acme').key.state = 'revoked'
    await acceptCall(on)
    await on.until(async () => (await on.app.gates.list()).length > 0)
    // Five at once, as many processes would; then one more that has just begun.
    const { db, config, log, clientFor } = on.app
    const another = () => createAlerts({ db, config, log, clientFor })
    await Promise.all(Array.from({ length: 5 }, () => another().round()))
    await another().round()
    expect(told()).toEqual(['opened gate_closed'])
    const [first] = receiver.received
    expect(first?.body).toMatchObject({ portalIds: ['acme'], sandbox: true, recoveredAt: null })
    expect(String(first?.body['sentence'])).toMatch(/key/i)
    expect(String(first?.body['mend'])).toMatch(/VIBECODE_API_KEY/)
    expect(String(first?.body['text'])).toMatch(/^SANDBOX/)
    const [, at, mac] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(first?.headers['x-callsift-signature'])) ?? []
    expect(mac).toBe(createHmac('sha256', secret).update(`${at}.${first?.raw}`).digest('hex'))

    on.sandbox.world.portal('acme').key.state = 'active'
    await on.until(async () => (await on.app.gates.list()).length === 0)
    await another().round()
    await another().round()
    expect(told()).toEqual(['opened gate_closed', 'recovered gate_closed'])
    expect(receiver.received[1]?.body['recoveredAt']).toEqual(expect.any(String))
    expect(await listAlerts(db, { standing: true, limit: 10 })).toEqual([])
  })

  test('F23: a key that closes the gates of several families is one message', async () => {
    const on = await begin({ work: false })
    const closing = { class: 'invalid_key', message: 'The key was revoked', hint: 'Make another', forMs: null }
    for (const name of ['ai', 'crm', 'portal']) await on.app.gates.close(on.portal.keyId, name, closing)
    await on.app.alerts.round()
    expect(told()).toEqual(['opened gate_closed'])
  })

  test('a cause that comes again after its end is told again; one that flickers is not', async () => {
    const on = await begin({ more: { alertQuietMs: 60_000 } })
    await finishReconcile(on.app.db, 'acme', 3)
    await on.app.alerts.round()
    await finishReconcile(on.app.db, 'acme', 0)
    await on.app.alerts.round()
    await finishReconcile(on.app.db, 'acme', 2)
    await on.app.alerts.round()
    expect(told()).toEqual(['opened reconcile_found'])
    // A reconcile that could not ask says nothing about what the last one found.
    await finishReconcile(on.app.db, 'acme', null)
    const quick = createAlerts({
      ...on.app,
      config: { ...on.app.config, timings: { ...on.app.config.timings, alertQuietMs: 0 } },
    })
    await quick.round()
    expect(told()).toHaveLength(1)
    await finishReconcile(on.app.db, 'acme', 0)
    await quick.round()
    await finishReconcile(on.app.db, 'acme', 1)
    await quick.round()
    expect(told()).toEqual(['opened reconcile_found', 'recovered reconcile_found', 'opened reconcile_found'])
  })

  test('a receiver that fails is asked again until it takes the message, the end never before the beginning', async () => {
    const on = await begin()
    receiver.answerWith(500)
    await finishReconcile(on.app.db, 'acme', 3)
    await on.app.alerts.round()
    await finishReconcile(on.app.db, 'acme', 0)
    await on.until(async () => {
      await on.app.alerts.round()
      return receiver.received.length >= 3
    })
    expect(new Set(told())).toEqual(new Set(['opened reconcile_found']))
    expect(new Set(receiver.received.map((one) => one.headers['x-callsift-alert-id'])).size).toBe(1)
    const [standing] = await listAlerts(on.app.db, { standing: false, limit: 1 })
    const [message] = standing?.messages ?? []
    expect(message).toMatchObject({ notifiedAt: null, lastAnswer: 'the address answered 500' })
    receiver.answerWith(200)
    const before = receiver.received.length
    await on.until(async () => {
      await on.app.alerts.round()
      return told().includes('recovered reconcile_found')
    })
    await on.app.alerts.round()
    expect(told().slice(before)).toEqual(['opened reconcile_found', 'recovered reconcile_found'])
  })
})

describe('what is told of', () => {
  test('no worker alive while steps wait, and it ends when one comes', async () => {
    const on = await begin({ work: false })
    await on.app.alerts.round()
    expect(told()).toEqual([])
    await acceptCall(on)
    await on.app.alerts.round()
    expect(told()).toEqual(['opened no_worker'])
    expect(String(receiver.received[0]?.body['mend'])).toContain('callsift work')
    await on.app.engine.work({ concurrency: () => 2 })
    await on.app.alerts.round()
    expect(told()).toEqual(['opened no_worker', 'recovered no_worker'])
  })

  test('the age of the oldest due step, but not of a backfill’s, nor of one behind a closed gate', async () => {
    const on = await begin({ env: { CALLSIFT_ALERT_BACKLOG_MINUTES: '30' } })
    const old = new Date(Date.now() - 45 * 60_000)
    // Dispatched, and nobody gets to it: as it looks when all workers are busy.
    const { runId } = await acceptCall(on)
    const make = async (priority: number, state: 'dispatched' | 'cancelled') =>
      await on.app.db
        .updateTable('callsift.steps')
        .set({ state, due_at: old, dispatched_at: new Date(), priority, worker_id: null })
        .where('run_id', '=', runId)
        .execute()
    await make(10, 'dispatched')
    await on.app.alerts.round()
    expect(told()).toEqual([])
    await make(0, 'dispatched')
    await on.app.gates.close(on.portal.keyId, 'portal', {
      forMs: 60_000,
      class: 'rate_limited',
      message: 'wait',
      hint: 'wait',
    })
    await on.app.alerts.round()
    expect(told()).toEqual([])
    await on.app.gates.open(on.portal.keyId, 'portal')
    await on.app.alerts.round()
    expect(told()).toEqual(['opened backlog'])
    expect(String(receiver.received[0]?.body['sentence'])).toContain('45 min')
    await make(0, 'cancelled')
    await on.app.alerts.round()
    expect(told()).toEqual(['opened backlog', 'recovered backlog'])
  })

  test('a cap that is reached before it is passed, and its end when there is room again', async () => {
    const on = await begin()
    const cap = (capDailyMinutes: number) =>
      runOperation(
        on.app,
        portalSettings,
        { id: 'acme', settings: { capDailyMinutes } },
        { actor: 'test', role: 'admin' },
      )
    await cap(0.01)
    const [recording] = await on.sandbox.world.sound.recordings()
    const call = await on.sandbox.addCall({
      portal: 'acme',
      recordingId: recording?.id ?? '',
      entity: 'deal',
      sendEvent: false,
    })
    const { runId } = await acceptCall(on, call.callId)
    const step = async () =>
      await on.app.db
        .selectFrom('callsift.steps')
        .select(['name', 'class', 'state'])
        .where('run_id', '=', runId)
        .orderBy('id', 'desc')
        .executeTakeFirst()
    await on.until(async () => (await step())?.class === 'cap_reached')
    await on.app.alerts.round()
    expect(told()).toEqual(['opened cap_reached'])
    expect(String(receiver.received[0]?.body['mend'])).toMatch(/capDailyMinutes|portal set/)
    expect(on.sandbox.effects(0, 'transcription')).toHaveLength(0)
    await cap(600)
    await on.until(async () => on.sandbox.effects(0, 'timeline-log').length === 1)
    await on.app.alerts.round()
    expect(told()).toEqual(['opened cap_reached', 'recovered cap_reached'])
  })

  test('a portal’s silence, by its own hours', async () => {
    const on = await begin()
    await on.app.db
      .updateTable('callsift.portals')
      .set({ last_event_at: new Date(Date.now() - 30 * 3_600_000), added_at: new Date(0) })
      .execute()
    await setPortalSettings(on.app.db, 'acme', { alertNoEventHours: 48 })
    await on.app.alerts.round()
    expect(told()).toEqual([])
    await setPortalSettings(on.app.db, 'acme', {})
    await on.app.alerts.round()
    expect(told()).toEqual(['opened no_events'])
    await setPortalSettings(on.app.db, 'acme', { alertNoEventHours: 0 })
    await on.app.alerts.round()
    expect(told()).toEqual(['opened no_events', 'recovered no_events'])
  })
})

describe('how it is told', () => {
  test('by a bot of the portal; a bot without its scope holds up nothing but itself', async () => {
    const on = await begin()
    const portal = on.sandbox.world.portal('acme')
    portal.key.scopes.add('imbot')
    const made = await request(`${on.sandbox.url}/bots`, {
      method: 'POST',
      headers: { 'x-api-key': portal.key.value, 'content-type': 'application/json' },
      body: JSON.stringify({ code: 'callsift', name: 'Callsift' }),
    })
    const { data } = (await made.body.json()) as { data: { botId: number } }
    await on.addPortal('other')
    await setPortalSettings(on.app.db, 'acme', { alertBot: { botId: data.botId, dialogId: 'chat77' } })
    await finishReconcile(on.app.db, 'acme', 3)
    await finishReconcile(on.app.db, 'other', 1)
    await on.app.alerts.round()
    const messages = portal.bots.get(data.botId)?.messages ?? []
    // The other portal's matters are none of this portal's people.
    expect(messages).toEqual([
      expect.objectContaining({ dialogId: 'chat77', message: expect.stringContaining('Reconcile found 3 calls') }),
    ])
    expect(told().sort()).toEqual(['opened reconcile_found', 'opened reconcile_found'])

    portal.key.scopes.delete('imbot')
    await finishReconcile(on.app.db, 'acme', 0)
    await on.app.alerts.round()
    expect((await on.app.gates.list()).map((gate) => gate.name)).toEqual(['bot'])
    const [recording] = await on.sandbox.world.sound.recordings()
    const [call] = await on.sandbox.addCalls({
      count: 1,
      portals: ['acme'],
      entity: 'deal',
      sendEvent: false,
      ...(recording === undefined ? {} : { recordingId: recording.id }),
    })
    const { runId } = await acceptCall(on, call?.callId)
    await on.until(async () => {
      const run = await on.app.db.selectFrom('callsift.runs').select('state').where('id', '=', runId).executeTakeFirst()
      return run?.state === 'done'
    })
    portal.key.scopes.add('imbot')
    await on.until(async () => {
      await on.app.alerts.round()
      return messages.some((one) => one.message.includes('Over: Reconcile found'))
    })
    expect(messages.filter((one) => one.message.includes('Reconcile found'))).toHaveLength(2)
  })

  test('redirects are not followed, private hosts only where they are named, and nobody to tell is said', async () => {
    const on = await begin()
    receiver.answerWith(302, { location: `${receiver.url}&again=1` })
    const ask = (app = on.app) => runOperation(app, alertTest, {}, { actor: 'test', role: 'admin' })
    expect(await ask()).toMatchObject({
      ok: false,
      sent: [{ channel: 'url', arrived: false, answer: expect.stringContaining('redirects are not followed') }],
    })
    expect(receiver.received).toHaveLength(1)
    receiver.answerWith(200)
    expect(await ask()).toMatchObject({ ok: true, sent: [{ answer: 'the address answered 200' }] })
    expect(told().at(-1)).toBe('test test')

    const { db, log, clientFor, config } = on.app
    const guarded = createAlerts({ db, log, clientFor, config: { ...config, allowHosts: [] } })
    const [refused] = await guarded.test()
    expect(refused).toMatchObject({ arrived: false, answer: expect.stringContaining('CALLSIFT_ALLOW_HOSTS') })
    expect(refused?.answer).not.toContain('of-the-chat')
    expect(receiver.received).toHaveLength(2)

    const silent = { ...config, secrets: { ...config.secrets, alertUrl: undefined } }
    const nobody = { ...on.app, alerts: createAlerts({ db, log, clientFor, config: silent }) }
    await expect(ask(nobody)).rejects.toMatchObject({
      kind: 'no_channel',
      hint: expect.stringContaining('CALLSIFT_ALERT_URL'),
    })
  })
})
