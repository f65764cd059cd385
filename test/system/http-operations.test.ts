import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createLog } from '../../src/log.ts'
import type { CallSpec } from '../../src/sandbox/calls.ts'
import type { Portal } from '../../src/sandbox/portal.ts'
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts'
import { type HttpApp, startHttpApp } from '../support/http-app.ts'

// The operations on the real workflow, against the sandbox: what an operator does is done to calls that truly went through.
let http: HttpApp
let sandbox: Sandbox
let portal: Portal

beforeAll(async () => {
  sandbox = await startSandbox({ log: createLog('silent'), limits: { scale: 1000 } })
  http = await startHttpApp({
    environment: {
      CALLSIFT_MODE: 'sandbox',
      CALLSIFT_SANDBOX_SCALE: '1000',
      CALLSIFT_RATE_PER_MINUTE: '100000',
      CALLSIFT_RATE_PER_SECOND: '2000',
      CALLSIFT_LANGUAGE: 'auto',
      CALLSIFT_MIN_SECONDS: '0',
    },
  })
  portal = sandbox.addPortal({ name: 'acme', webhookUrl: `${http.server.url}/webhooks/bitrix24` })
  await http.addPortal({
    memberId: portal.memberId,
    domain: portal.domain,
    baseUrl: sandbox.url,
    apiKey: portal.key.value,
    applicationToken: portal.applicationToken,
  })
  await http.app.start()
  await http.app.engine.work({ concurrency: () => 4 })
})
afterAll(async () => {
  await http.close()
  await sandbox.close()
})
beforeEach(() => sandbox.clearFaults())

interface Shown {
  call: { id: string; intentNo: number }
  run: { state: string; class: string | null; generation: number }
  steps: { name: string; state: string; generation: number; attempts: { requestId: string | null }[] }[]
  effects: { state: string; intentNo: number }[]
  verdict: { quality: string; score: number; reason: string } | null
  entry: { state: string; title: string; text: string } | null
  transcript: { merged: { segments: { text: string }[] } }
  answer: { sentence: string; mend: string | null }
  audit: { action: string; detail: { outcome: string } }[]
}

async function show(call: string): Promise<Shown> {
  return (await http.operate('call.show', { call })).answer as unknown as Shown
}

async function until(call: string, state: string, generation = 1): Promise<Shown> {
  await expect
    .poll(
      async () => {
        const { run } = await show(call)
        return run === undefined ? 'unknown' : `${run.state} ${run.generation}`
      },
      { timeout: 15_000, interval: 50 },
    )
    .toBe(`${state} ${generation}`)
  return await show(call)
}

const heard = 'hello I want to order forty trucks of freight every month please send the contract today'
const make = (spec: Partial<CallSpec>) => sandbox.addCall({ portal: 'acme', toneText: heard, direction: 'in', ...spec })
const paid = () =>
  sandbox.requests().filter((one) => one.family === 'ai' && one.method === 'POST' && one.status === 200).length

describe('a call that went through', () => {
  test('is told with its transcript, verdict, entry and the request ids of its attempts; then again from a step, and a second entry', async () => {
    const made = await make({})
    const shown = await until(made.callId, 'done')
    expect(shown.answer.sentence).toContain('its entry stands in the timeline')
    expect(shown.transcript.merged.segments.map((one) => one.text).join(' ')).toContain('forty trucks')
    expect(shown.verdict).toMatchObject({ quality: expect.any(String), score: expect.any(Number) })
    expect(shown.entry).toMatchObject({ state: 'written', title: expect.stringContaining('AI classification') })
    expect(shown.steps.map((step) => step.name)).toEqual([
      'locateRecording',
      'planAudio',
      'transcribePart',
      'mergeTranscript',
      'classifyLead',
      'writeTimeline',
    ])
    expect(shown.steps.every((step) => step.attempts.length === 1)).toBe(true)
    expect(shown.steps.some((step) => step.attempts[0]?.requestId?.startsWith('sandbox-'))).toBe(true)

    const before = paid()
    const preview = await http.operate('call.rerun', { call: made.callId, from: 'transcribePart', preview: true })
    expect(preview.answer['paid']).toEqual({ again: ['transcribePart'], ifChanged: ['classifyLead'] })
    const again = await http.operate('call.rerun', { call: made.callId, from: 'classifyLead' })
    expect(again.answer).toMatchObject({ generation: 2, paid: { again: ['classifyLead'], ifChanged: [] } })
    const second = await until(made.callId, 'done', 2)
    expect(paid()).toBe(before + 1)
    // The same verdict over again is the same entry: none is written beside it.
    expect(second.entry).toEqual(shown.entry)
    expect(second.effects.map((effect) => `${effect.intentNo} ${effect.state}`)).toEqual(['1 written'])

    expect((await http.operate('call.write-again', { call: made.callId })).status).toBe(400)
    expect((await http.operate('call.write-again', { call: made.callId, yes: true })).answer).toMatchObject({
      intentNo: 2,
    })
    const third = await until(made.callId, 'done', 3)
    expect(third.effects.map((effect) => `${effect.intentNo} ${effect.state}`)).toEqual(['1 written', '2 written'])
    expect(paid()).toBe(before + 1)
    expect(third.audit.map((entry) => `${entry.action} ${entry.detail.outcome}`).sort()).toEqual([
      'call.rerun done',
      'call.rerun done',
      'call.write-again done',
    ])
    expect((await http.operate('call.cancel', { call: made.callId })).status).toBe(409)
    expect((await http.operate('call.retry', { call: made.callId })).status).toBe(409)
  })

  test('without a record is parked as no_entity, and assigned: nothing is paid again', async () => {
    const made = await make({ entity: 'none' })
    const home = await make({})
    await until(home.callId, 'done')
    const parked = await until(made.callId, 'parked')
    expect(parked).toMatchObject({
      run: { class: 'no_entity' },
      answer: { mend: expect.stringContaining('call assign') },
    })
    const status = (await http.operate('status')).answer as {
      causes: { class: string; state: string; runs: number; mend: string }[]
      alarms: string[]
    }
    expect(status.causes).toContainEqual(expect.objectContaining({ class: 'no_entity', state: 'parked', runs: 1 }))
    expect(status.alarms.join(' ')).toContain('need a person')
    const before = paid()
    expect(
      (await http.operate('call.assign', { call: made.callId, entityTypeId: 2, entityId: home.dealId })).status,
    ).toBe(200)
    const shown = await until(made.callId, 'done', 2)
    expect(shown.entry).toMatchObject({ state: 'written', entity: { typeId: 2, id: home.dealId } })
    expect(paid()).toBe(before)
  })

  test('with writing off is observed: shown and not written', async () => {
    await http.operate('portal.write', { id: 'acme', on: false })
    const entries = sandbox.effects(0, 'timeline').length
    const made = await make({})
    const shown = await until(made.callId, 'done')
    expect(shown.entry).toMatchObject({ state: 'observed', title: expect.any(String), text: expect.any(String) })
    expect(sandbox.effects(0, 'timeline')).toHaveLength(entries)
    expect((await http.operate('status')).answer).toMatchObject({ observed: ['acme'] })
    await http.operate('portal.write', { id: 'acme', on: true })
  })
})

describe('a call that can not go on', () => {
  test('waits for its recording with its reason, is cancelled, and stays so', async () => {
    const made = await make({ recordingAfterMs: null })
    await expect
      .poll(async () => (await show(made.callId)).answer?.sentence, { timeout: 8_000 })
      .toContain('no recording')
    const list = (await http.operate('call.list', { class: 'recording_not_ready' })).answer as {
      calls: { callRef: string }[]
    }
    expect(list.calls.map((call) => call.callRef)).toEqual([made.callId])
    expect((await http.operate('call.cancel', { call: made.callId })).answer).toMatchObject({ state: 'cancelled' })
    expect(await until(made.callId, 'cancelled')).toMatchObject({ answer: { sentence: 'A person cancelled it.' } })
  })

  test('behind an unpaid model waits with the gate named; "fixed it" sends it on', async () => {
    portal.balance = 0
    const made = await make({})
    await expect
      .poll(
        async () => ((await http.operate('status')).answer as { gates: { opensInMs: number | null }[] }).gates.length,
        { timeout: 8_000 },
      )
      .toBeGreaterThan(0)
    const status = (await http.operate('status')).answer as {
      gates: { name: string; opensInMs: number | null; waiting: number }[]
      alarms: string[]
    }
    expect(status.gates[0]).toMatchObject({ opensInMs: null, name: expect.stringMatching(/^ai/) })
    expect((await show(made.callId)).run.state).toBe('running')
    portal.balance = null
    expect((await http.operate('gate.open', {})).answer).toMatchObject({ opened: [{ name: status.gates[0]?.name }] })
    await until(made.callId, 'done')
    expect((await http.operate('gate.open', {})).status).toBe(404)
  })
})

describe('portals', () => {
  test('a check names each scope that is missing, with its mend', async () => {
    const whole = (await http.operate('portal.check', { id: 'acme' })).answer as {
      ok: boolean
      findings: { scope: string; ok: boolean; finding: string }[]
    }
    expect(whole.findings.filter((finding) => !finding.ok)).toEqual([])
    expect(whole.findings.map((finding) => finding.scope)).toEqual(['key', 'vibe:ai', 'crm', 'telephony', 'disk'])
    portal.key.scopes.delete('disk')
    try {
      const lacking = (await http.operate('portal.check', { id: 'acme' })).answer as {
        ok: boolean
        findings: { scope: string; ok: boolean; mend: string | null }[]
      }
      expect(lacking.ok).toBe(false)
      expect(lacking.findings.filter((finding) => !finding.ok)).toEqual([
        expect.objectContaining({ scope: 'disk', mend: expect.stringContaining('disk') }),
      ])
    } finally {
      portal.key.scopes.add('disk')
      await http.operate('gate.open', {})
    }
  })

  test('are saved without showing a secret twice, and a stranger member id is not taken over', async () => {
    const saved = await http.operate('portal.save', {
      memberId: 'second-member',
      domain: 'second.bitrix24.ru',
      apiKey: 'vibe_api_second_0123456789',
      applicationToken: 'application-token-of-second',
      robot: true,
    })
    expect(saved.status).toBe(200)
    expect(saved.answer['robotPath']).toMatch(/^\/webhooks\/bitrix24\/robot\/[\w-]{32}$/)
    expect(saved.answer['portal']).toMatchObject({
      id: 'second.bitrix24.ru',
      writeEnabled: false,
      applicationTokens: 1,
      robot: true,
    })
    const everything = JSON.stringify([
      (await http.operate('portal.list')).answer,
      await http.app.db.selectFrom('callsift.audit').selectAll().execute(),
    ])
    expect(everything).not.toMatch(/vibe_api_second|application-token-of-second/)
    expect(everything).not.toContain(String(saved.answer['robotPath']).split('/').at(-1))
    expect(
      (
        await http.operate('portal.save', {
          id: 'third',
          memberId: 'second-member',
          apiKey: 'vibe_api_third_0123456789',
        })
      ).status,
    ).toBe(409)
    const renamed = await http.operate('portal.save', {
      memberId: 'second-member',
      name: 'Second',
      baseUrl: 'http://example.org/v1',
    })
    expect(renamed.status).toBe(400)
    expect((await http.operate('portal.remove', { id: 'second.bitrix24.ru' })).status).toBe(200)
    expect((await http.operate('portal.remove', { id: 'second.bitrix24.ru' })).status).toBe(404)
  })

  test('a portal that is removed ends what waits and what is parked of it, and nothing is written for it any more', async () => {
    const leaving = sandbox.addPortal({ name: 'leaving', webhookUrl: `${http.server.url}/webhooks/bitrix24` })
    const saved = await http.operate('portal.save', {
      id: 'leaving',
      memberId: leaving.memberId,
      domain: leaving.domain,
      baseUrl: sandbox.url,
      apiKey: leaving.key.value,
      applicationToken: leaving.applicationToken,
      writeEnabled: true,
    })
    expect(saved.status).toBe(200)
    const waiting = await make({ portal: 'leaving', recordingAfterMs: null })
    const parked = await make({ portal: 'leaving', entity: 'none' })
    await until(parked.callId, 'parked')
    await expect
      .poll(async () => (await show(waiting.callId)).steps?.[0]?.state, { timeout: 15_000, interval: 50 })
      .toBe('ready')
    const ids = await Promise.all([waiting, parked].map(async ({ callId }) => (await show(callId)).call.id))
    expect((await http.operate('portal.remove', { id: 'leaving' })).answer).toMatchObject({ endedRuns: 2 })
    for (const id of ids) {
      const shown = await show(id)
      expect(shown.run).toMatchObject({ state: 'cancelled', class: 'portal_removed' })
      expect(shown.answer.sentence).toBe('Its portal was removed while it was under way.')
      expect(shown.steps.filter(({ state }) => state !== 'done').map(({ state }) => state)).toEqual(['cancelled'])
    }
    expect(sandbox.effects(0, 'timeline-log').filter(({ portal }) => portal === 'leaving')).toEqual([])
  })

  test('reconcile finds the call that no event told of', async () => {
    const made = await make({ sendEvent: false, startedAt: Date.now() + 1_000 })
    expect((await http.operate('reconcile.run', { portalId: 'acme' })).answer).toMatchObject({ portals: 1, found: 1 })
    await until(made.callId, 'done')
  })
})
