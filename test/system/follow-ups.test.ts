import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { setPortalSettings } from '../../src/db/portals.ts'
import { rerunFrom } from '../../src/engine/rerun.ts'
import { callPage } from '../../src/http/pages/call-page.ts'
import { chooseLanguage } from '../../src/http/pages/words/language.ts'
import { showCall } from '../../src/ops/call-show.ts'
import { findOperation } from '../../src/ops/index.ts'
import { runOperation } from '../../src/ops/operation.ts'
import type { CallSpec } from '../../src/sandbox/calls.ts'
import { setSwitches } from '../../src/sandbox/switches.ts'
import { type Program, startProgram } from '../support/program.ts'

const said =
  'Hello this is Vector LLC. We need 50 seats. The budget is 20 thousand dollars, I make the decision, send the contract by Friday.'
const unsaid =
  'Sorry, that is the wrong number, we are not interested in anything that you sell, please stop calling us.'
const everything = {
  verdictFields: true,
  attachDialogue: true,
  bindEntry: true,
  hotLeadBot: 0,
  verdictTriggers: { high: 'AI_HOT' },
}
const admin = { actor: 'test', role: 'admin' } as const

let on: Program
let portals = 0
beforeAll(async () => {
  on = await startProgram({
    timings: { doubtWaitMs: 700, retryDelaysMs: [50, 100, 200, 300, 400], dispatchTickMs: 100 },
  })
})
afterAll(() => on.close())

async function ask<Value>(name: string, input: Record<string, unknown>): Promise<Value> {
  const operation = findOperation(name)
  if (operation === undefined) throw new Error(`no operation ${name}`)
  return (await runOperation(on.app, operation, input, admin)) as Value
}

/** A portal with a bot, the fields on its deals, and everything that may be done beside an entry switched on. */
async function newPortal(settings: Partial<typeof everything> & { portalTranscript?: boolean } = everything) {
  portals += 1
  const name = `follow-${portals}`
  await on.addPortal(name)
  const portal = on.sandbox.world.portal(name)
  const facts = { code: 'hot', name: 'Hot', type: 'bot', eventMode: 'fetch' }
  const bot = { ...facts, events: [], messages: [], storedOffset: 0, typing: 0 }
  const hotLeadBot = portal.nextId()
  portal.bots.set(hotLeadBot, { ...bot, id: hotLeadBot })
  await setPortalSettings(on.app.db, name, {
    ...settings,
    ...(settings.hotLeadBot === undefined ? {} : { hotLeadBot }),
  } as typeof everything)
  setSwitches(portal.switches, { userFields: 'declared' })
  await ask('portal.fields', { id: name, of: 'deals', create: true })
  return { name, portal }
}

/** Two voices on two tracks: the first sound of the sandbox that has them. */
async function ring(name: string, spec: Partial<CallSpec> = {}) {
  const call = await on.sandbox.addCall({ portal: name, entity: 'deal', sendEvent: false, ...spec })
  const { runId, callId } = await on.app.intake.accept({
    portalId: name,
    source: 'event',
    callRef: call.callId,
    masked: {},
  })
  return { ...call, runId, id: callId }
}

const ended = (runId: string) =>
  on.until(async () => {
    const row = await on.app.db
      .selectFrom('callsift.runs')
      .select(['state', 'class'])
      .where('id', '=', runId)
      .executeTakeFirstOrThrow()
    return row.state === 'running' ? null : `${row.state} ${row.class ?? ''}`.trim()
  })

const show = async (id: string) => await showCall(on.app, { call: id }, admin)
const told = async (id: string) =>
  Object.fromEntries((await show(id)).followUps.map((one) => [one.kind, one.why ?? one.state]))
const effects = (name: string, kind: string) => on.sandbox.effects(0, kind).filter((effect) => effect.portal === name)

async function stereo(): Promise<Partial<CallSpec>> {
  for (const { id, channels } of (await on.sandbox.world.sound.recordings()) as unknown as {
    id: string
    channels?: number
  }[])
    if (channels === 2) return { recordingId: id }
  throw new Error('the sandbox has no recording of two tracks')
}

describe('what is done beside the entry', () => {
  test('nothing is, unless the portal asks for it', async () => {
    const { name } = await newPortal({})
    const call = await ring(name, { toneText: said })
    expect(await ended(call.runId)).toBe('done')
    expect((await show(call.id)).followUps).toEqual([])
    for (const kind of ['update', 'transcript', 'bind', 'bot-message', 'trigger'])
      expect(effects(name, kind)).toEqual([])
  })

  test('each is done once, is told on the page and by `call show`, and stays as it was when the call runs again', async () => {
    const { name, portal } = await newPortal()
    const call = await ring(name, await stereo())
    expect(await ended(call.runId)).toBe('done')
    const shown = await show(call.id)
    const verdict = shown.verdict as { quality: string; score: number; reason: string }
    expect(verdict.quality).toBe('high')
    expect(await told(call.id)).toEqual({
      fields: 'written',
      dialogue: 'written',
      bind: 'written',
      alert: 'written',
      trigger: 'written',
    })
    expect(portal.entities.deals.get(call.dealId ?? 0)).toMatchObject({
      UF_CRM_AI_SCORE: verdict.score,
      UF_CRM_AI_QUALITY: 'high',
    })
    const attached = effects(name, 'transcript')[0]?.detail as { callId: string; content: Record<string, unknown>[] }
    expect(attached.callId).toBe(call.callId)
    expect(new Set(attached.content.map((one) => one['SIDE']))).toEqual(new Set(['User', 'Client']))
    const entry = (shown.entry as { externalId: string }).externalId
    expect(effects(name, 'bind').map((one) => one.detail)).toEqual([
      { id: Number(entry), entityTypeId: 3, entityId: call.contactId },
    ])
    expect(effects(name, 'bot-message')[0]?.detail).toMatchObject({
      dialogId: '1',
      message: expect.stringContaining(`deal ${call.dealId}`) as unknown,
    })
    expect(effects(name, 'trigger').map((one) => one.detail)).toEqual([
      { entityType: 'deal', entityId: call.dealId, triggerId: 'AI_HOT' },
    ])
    const page = callPage(viewOf(), { shown, reviews: [], domain: null, costMicros: null, prices: {}, key: 'k' })
    expect(page).toContain('Сделано вместе с записью')
    expect(page).toContain('После записи: триггер автоматизации')

    const before = on.sandbox.effects().length
    await rerunFrom(on.app.db, on.app.registry, call.runId, 'writeTimeline')
    on.app.engine.kick()
    expect(await ended(call.runId)).toBe('done')
    await rerunFrom(on.app.db, on.app.registry, call.runId, 'followUp')
    on.app.engine.kick()
    expect(await ended(call.runId)).toBe('done')
    expect(new Set(Object.values(await told(call.id)))).toEqual(new Set(['kept']))
    expect(on.sandbox.effects().length).toBe(before)
  })

  test('a second entry that a person asks for sets fields and bindings anew, and alerts nobody twice', async () => {
    const { name } = await newPortal()
    const call = await ring(name, { toneText: said })
    expect(await ended(call.runId)).toBe('done')
    await ask('call.write-again', { call: call.id, yes: true })
    expect(await ended(call.runId)).toBe('done')
    expect(await told(call.id)).toMatchObject({ fields: 'written', bind: 'written', alert: 'kept', trigger: 'kept' })
    expect(effects(name, 'timeline-log')).toHaveLength(2)
    expect(effects(name, 'bind')).toHaveLength(2)
    expect(effects(name, 'bot-message')).toHaveLength(1)
    expect(effects(name, 'trigger')).toHaveLength(1)
    const today = await ask<{ entriesToday: number }>('status', {})
    expect(today.entriesToday).toBe(on.sandbox.effects(0, 'timeline-log').length)
  })

  test('where answers are lost, all is done once; what cannot be looked up is told as unconfirmed', async () => {
    const { name } = await newPortal()
    for (const route of ['deals.update', 'calls.transcription', 'timeline-logs.bind', 'bots.messages', 'triggers.fire'])
      on.sandbox.addFault({ route, kind: 'after', how: 'reset', times: 1, portal: name })
    const call = await ring(name, await stereo())
    expect(await ended(call.runId)).toBe('done')
    expect(await told(call.id)).toEqual({
      fields: 'found',
      dialogue: 'found',
      bind: 'found',
      alert: 'unconfirmed',
      trigger: 'unconfirmed',
    })
    for (const kind of ['update', 'transcript', 'bind', 'bot-message', 'trigger'])
      expect([kind, effects(name, kind).length]).toEqual([kind, 1])
  })

  test('what is refused is waited out or parked by its class, and holds up no other', async () => {
    const { name, portal } = await newPortal()
    portal.userFields.set('deals', [])
    on.sandbox.addFault({ route: 'bots.messages', kind: 'status', status: 429, retryAfter: 1, times: 1, portal: name })
    const call = await ring(name, { toneText: said })
    expect(await ended(call.runId)).toBe('parked verdict_fields_missing')
    await on.until(async () => (await told(call.id))['alert'] === 'written')
    expect(await told(call.id)).toMatchObject({ fields: 'parked', bind: 'written', trigger: 'written' })
    await ask('portal.fields', { id: name, of: 'deals', create: true })
    await ask('call.retry', { call: call.id })
    expect(await ended(call.runId)).toBe('done')
    expect((await told(call.id))['fields']).toBe('written')
    expect(effects(name, 'bot-message')).toHaveLength(1)
  })

  test('what has no place is left out, and says why', async () => {
    const { name, portal } = await newPortal()
    const call = await ring(name, { toneText: said, entity: 'contact' })
    const contact = portal.entities.contacts.get(call.contactId ?? 0)
    if (contact !== undefined) contact['assignedById'] = null
    for (const id of portal.entities.deals.keys()) portal.entities.deals.delete(id)
    expect(await ended(call.runId)).toBe('done')
    expect(await told(call.id)).toMatchObject({
      fields: 'not_lead_or_deal',
      dialogue: 'speakers_unknown',
      bind: 'nothing_to_bind',
      trigger: 'not_lead_or_deal',
    })
    const low = await ring(name, { toneText: 'Wrong number, I am not interested.' })
    expect(await ended(low.runId)).toBe('done')
    expect(Object.keys(await told(low.id)).sort()).toEqual(['bind', 'dialogue', 'fields'])
  })

  test('a transcript that stands in the call is left alone', async () => {
    const { name, portal } = await newPortal({ attachDialogue: true })
    setSwitches(portal.switches, { transcriptRoute: 'plain' })
    const call = await ring(name, await stereo())
    expect(await ended(call.runId)).toBe('done')
    expect(await told(call.id)).toEqual({ dialogue: 'written' })
    const other = await on.sandbox.addCall({ portal: name, entity: 'deal', sendEvent: false, ...(await stereo()) })
    const stored = portal.callsById.get(other.callId)
    if (stored === undefined) throw new Error('no call')
    stored.transcript = [{ SIDE: 'Client', START_TIME: 0, STOP_TIME: 1, MESSAGE: 'by a person' }]
    const taken = await on.app.intake.accept({ portalId: name, source: 'event', callRef: other.callId, masked: {} })
    expect(await ended(taken.runId)).toBe('done')
    expect(await told(taken.callId)).toEqual({ dialogue: 'has_transcript' })
    expect(effects(name, 'transcript')).toHaveLength(1)
  })
})

describe("the portal's own transcript", () => {
  const paid = (name: string) => effects(name, 'transcription').length
  async function ringHeard(name: string) {
    const call = await on.sandbox.addCall({ portal: name, entity: 'deal', sendEvent: false, toneText: unsaid })
    const stored = on.sandbox.world.portal(name).callsById.get(call.callId)
    if (stored === undefined) throw new Error('no call')
    stored.portalTranscript = said
    const taken = await on.app.intake.accept({ portalId: name, source: 'event', callRef: call.callId, masked: {} })
    return { id: taken.callId, runId: taken.runId, stored }
  }

  test('takes the place of Whisper where it is asked for, unpaid', async () => {
    const { name } = await newPortal({ portalTranscript: true })
    const call = await ringHeard(name)
    expect(await ended(call.runId)).toBe('done')
    expect(paid(name)).toBe(0)
    const shown = await show(call.id)
    expect((shown.verdict as { quality: string }).quality).toBe('high')
    expect((shown.transcript.merged as { timesEstimated: boolean }).timesEstimated).toBe(true)
    expect(shown.flags.map((flag) => flag.class)).toEqual(['portal_transcript'])
  })

  test('where it is off, empty, refused or gone, the recording is heard', async () => {
    const off = await newPortal({})
    expect(await ended((await ringHeard(off.name)).runId)).toBe('done')
    expect(paid(off.name)).toBe(1)
    const { name, portal } = await newPortal({ portalTranscript: true })
    expect(await ended((await ring(name, { toneText: said })).runId)).toBe('done')
    setSwitches(portal.switches, { portalTranscripts: 'off' })
    expect(await ended((await ringHeard(name)).runId)).toBe('done')
    expect(paid(name)).toBe(2)
    setSwitches(portal.switches, { portalTranscripts: 'on' })
    const body = '{"success":true,"data":null}'
    on.sandbox.addFault({ route: 'activities.transcript', kind: 'body', status: 200, body, skip: 1, portal: name })
    const gone = await ringHeard(name)
    expect(await ended(gone.runId)).toBe('done')
    expect(paid(name)).toBe(3)
    expect((await show(gone.id)).flags).toEqual([])
  })
})

const viewOf = () => ({
  language: chooseLanguage(undefined, 'ru'),
  visitor: { actor: 'test', role: 'admin' as const, session: null },
  theme: 'auto' as const,
  sandbox: true,
  path: '/calls/1',
  now: new Date(),
  timeZone: 'UTC',
  currency: 'RUB',
  badges: { parked: 0, review: 0 },
  sequence: '0',
  nonce: 'n',
  flash: null,
})
