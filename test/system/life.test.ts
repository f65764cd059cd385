import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { setPortalWrite } from '../../src/db/portals.ts'
import { rerunFrom } from '../../src/engine/rerun.ts'
import type { IncomingCall } from '../../src/intake/incoming-call.ts'
import { showCall } from '../../src/ops/call-show.ts'
import type { CallSpec, CreatedCall } from '../../src/sandbox/calls.ts'
import { attachRecording } from '../../src/sandbox/calls.ts'
import { setSwitches } from '../../src/sandbox/switches.ts'
import { type Program, startProgram } from '../support/program.ts'

// Long waits at a fraction; each test has a portal of its own, so that none sees another's gates or entries.
const timings = {
  recordingLadderMs: [200, 300],
  recordingBudgetMs: 2_000,
  doubtWaitMs: 1_500,
  retryDelaysMs: [100, 200, 300, 400, 500],
  dispatchTickMs: 200,
  sweepMs: 300,
  writeDeadlineMs: 1_000,
}

let on: Program
let portals = 0
beforeAll(async () => {
  on = await startProgram({ timings })
})
afterAll(() => on.close())

async function newPortal(): Promise<string> {
  portals += 1
  return (await on.addPortal(`life-${portals}`)).id
}

async function ring(portal: string, spec: Partial<CallSpec> = {}): Promise<CreatedCall> {
  const [recording] = await on.sandbox.world.sound.recordings()
  const sound = spec.toneText ?? spec.silenceSeconds ?? spec.upload ?? spec.hearAs
  return await on.sandbox.addCall({
    portal,
    entity: 'deal',
    sendEvent: false,
    ...(sound === undefined && recording !== undefined ? { recordingId: recording.id } : {}),
    ...spec,
  })
}

async function take(call: CreatedCall, more: Partial<IncomingCall> = {}): Promise<string> {
  const accepted = await on.app.intake.accept({
    portalId: call.portal,
    source: 'event',
    callRef: call.callId,
    masked: {},
    ...more,
  })
  return accepted.runId
}

async function ended(runId: string, withinMs?: number): Promise<string> {
  return await on.until(async () => {
    const row = await on.app.db
      .selectFrom('callsift.runs')
      .select(['state', 'class'])
      .where('id', '=', runId)
      .executeTakeFirstOrThrow()
    return row.state === 'running' ? null : row.class === null ? row.state : `${row.state} ${row.class}`
  }, withinMs)
}

const entries = (portal: string) => on.sandbox.effects(0, 'timeline-log').filter((effect) => effect.portal === portal)
const paid = (portal: string) => on.sandbox.effects(0, 'transcription').filter((effect) => effect.portal === portal)

async function outputOf(runId: string, step: string): Promise<Record<string, unknown>> {
  const row = await on.app.db
    .selectFrom('callsift.steps')
    .select('output')
    .where('run_id', '=', runId)
    .where('name', '=', step)
    .orderBy('generation', 'desc')
    .executeTakeFirstOrThrow()
  return row.output as Record<string, unknown>
}

describe('the recording', () => {
  test('that comes late is waited for, without spending an attempt', async () => {
    const portal = await newPortal()
    const call = await ring(portal, { recordingAfterMs: null })
    const run = await take(call)
    await on.until(async () => {
      const step = await on.app.db
        .selectFrom('callsift.steps')
        .select('laters')
        .where('run_id', '=', run)
        .executeTakeFirst()
      return (step?.laters ?? 0) > 0
    })
    const [recording] = await on.sandbox.world.sound.recordings()
    await attachRecording(on.sandbox.world, { portal, callId: call.callId, recordingId: recording?.id ?? '' })
    expect(await ended(run)).toBe('done')
    const located = await on.app.db
      .selectFrom('callsift.steps')
      .selectAll()
      .where('run_id', '=', run)
      .where('name', '=', 'locateRecording')
      .executeTakeFirstOrThrow()
    expect(located.attempts).toBe(0)
    expect(located.laters).toBeGreaterThan(0)
    expect(entries(portal)).toHaveLength(1)
  })

  test('that never comes ends as no_recording, and a later event reopens the call', async () => {
    const portal = await newPortal()
    const call = await ring(portal, { recordingAfterMs: null })
    const run = await take(call)
    expect(await ended(run)).toBe('done no_recording')
    const [recording] = await on.sandbox.world.sound.recordings()
    await attachRecording(on.sandbox.world, { portal, callId: call.callId, recordingId: recording?.id ?? '' })
    expect(await take(call)).toBe(run)
    expect(await ended(run)).toBe('done')
    expect(entries(portal)).toHaveLength(1)
  })

  test('that is silence, or no sound at all, ends without a paid call', async () => {
    const portal = await newPortal()
    const silent = await take(await ring(portal, { silenceSeconds: 20 }))
    const page = Buffer.from('<!doctype html><title>Sign in</title>'.repeat(50)).toString('base64')
    const html = await take(await ring(portal, { upload: { base64: page, fileName: 'call.mp3' }, durationSeconds: 60 }))
    expect(await ended(silent)).toBe('done no_speech')
    expect(await ended(html)).toBe('done not_audio')
    expect(paid(portal)).toHaveLength(0)
    expect(entries(portal)).toHaveLength(0)
  })

  test('that was replaced since it was planned is planned anew, and its verdict is kept beside the written one', async () => {
    const portal = await newPortal()
    const call = await ring(portal)
    const run = await take(call)
    expect(await ended(run)).toBe('done')
    const [, other] = await on.sandbox.world.sound.recordings()
    const file = on.sandbox.world.portal(portal).files.get(call.fileId ?? 0)
    if (file === undefined || other === undefined) throw new Error('the sandbox has no such file')
    Object.assign(file, { bytes: await other.bytes() })
    await rerunFrom(on.app.db, on.app.registry, run, 'transcribePart')
    on.app.engine.kick()
    expect(await ended(run)).toBe('done')
    const { generation } = await on.app.db
      .selectFrom('callsift.runs')
      .select('generation')
      .where('id', '=', run)
      .executeTakeFirstOrThrow()
    expect(generation).toBe(3)
    expect(await outputOf(run, 'writeTimeline')).toMatchObject({ state: 'kept' })
    expect(paid(portal)).toHaveLength(2)
    expect(entries(portal)).toHaveLength(1)
  })
})

describe('one call, told of in several ways', () => {
  test('by its call id and by its activity id: two runs merge into one entry', async () => {
    const portal = await newPortal()
    const call = await ring(portal)
    const byCall = await take(call)
    const byActivity = (
      await on.app.intake.accept({ portalId: portal, source: 'api', activityId: String(call.activityId), masked: {} })
    ).runId
    const ends = [await ended(byCall), await ended(byActivity)].sort()
    expect(byActivity === byCall ? ['done', 'done merged'] : ends).toEqual(['done', 'done merged'])
    expect(entries(portal)).toHaveLength(1)
  })

  test('reconcile takes in a call that was under way when the portal was added, and none that had ended before', async () => {
    const portal = await newPortal()
    await ring(portal, { startedAt: Date.now() - 20_000, durationSeconds: 60 })
    await ring(portal, { startedAt: Date.now() - 120_000, durationSeconds: 60 })
    expect(await on.app.reconcile({ force: true, portalId: portal })).toMatchObject({ listed: 1, found: 1 })
  })

  test('a lost event is found by reconcile, once', async () => {
    const portal = await newPortal()
    const startedAt = Date.now() + 1_000
    const heard = await ring(portal, { startedAt })
    await ring(portal, { startedAt })
    await ring(portal, { startedAt, durationSeconds: 4 })
    await take(heard)
    const report = await on.app.reconcile({ force: true, portalId: portal })
    expect(report).toMatchObject({ portals: 1, listed: 3, found: 1 })
    expect(await on.app.reconcile({ force: true, portalId: portal })).toMatchObject({ found: 0 })
    await on.until(async () => entries(portal).length >= 2)
    await on.until(async () => {
      const open = await on.app.db
        .selectFrom('callsift.runs')
        .select('id')
        .where('portal_id', '=', portal)
        .where('state', '=', 'running')
        .execute()
      return open.length === 0
    })
    expect(entries(portal)).toHaveLength(2)
  })
})

describe('the entry', () => {
  test('is shown and not written while the portal is observed, and written when that ends', async () => {
    const portal = await newPortal()
    await setPortalWrite(on.app.db, portal, false)
    const run = await take(await ring(portal))
    expect(await ended(run)).toBe('done')
    expect(await outputOf(run, 'writeTimeline')).toMatchObject({ state: 'observed' })
    expect(entries(portal)).toHaveLength(0)
  })

  test('of a dry run is shown and not written', async () => {
    const portal = await newPortal()
    const run = await take(await ring(portal), { dryRun: true })
    expect(await ended(run)).toBe('done')
    const shown = await outputOf(run, 'writeTimeline')
    expect(shown['title']).toMatch(/^AI classification: (high|medium|low) \(\d+\/100\)$/)
    expect(entries(portal)).toHaveLength(0)
  })

  test('ends with its ref, and stands on the newest open deal', async () => {
    const portal = await newPortal()
    const call = await ring(portal)
    expect(await ended(await take(call))).toBe('done')
    const [entry] = entries(portal)
    expect(JSON.stringify(entry?.detail)).toContain(`${call.dealId}`)
    expect(String(entry?.detail['text'])).toMatch(/\nref: [0-9a-f]{8}$/)
  })

  test('of a call that belongs to nothing waits for a person, with the verdict kept', async () => {
    const portal = await newPortal()
    const run = await take(await ring(portal, { entity: 'none' }))
    expect(await ended(run)).toBe('parked no_entity')
    expect(await outputOf(run, 'classifyLead')).toHaveProperty('score')
    expect(entries(portal)).toHaveLength(0)
  })

  for (const how of ['status', 'reset', 'lost', 'truncated'] as const) {
    test(`whose answer is lost after it was applied (${how}) is found, not written again`, async () => {
      const portal = await newPortal()
      on.sandbox.addFault({ route: 'timeline-logs.create', portal, kind: 'after', how, times: 1 })
      const run = await take(await ring(portal))
      expect(await ended(run)).toBe('done')
      expect(await outputOf(run, 'writeTimeline')).toMatchObject({ state: 'found' })
      expect(entries(portal)).toHaveLength(1)
    })
  }

  test('that was refused before it was applied is written after the doubt has passed', async () => {
    const portal = await newPortal()
    on.sandbox.addFault({ route: 'timeline-logs.create', portal, kind: 'before', times: 2 })
    const run = await take(await ring(portal))
    expect(await ended(run)).toBe('done')
    expect(entries(portal)).toHaveLength(1)
  })
})

describe('the contradictions of the documents', () => {
  const variants: Record<string, string>[] = [
    { timelineEntity: 'entityTypeId' },
    { timelineEntity: 'entityType' },
    { rateLimitCode: 'RATE_LIMITED', sharedErrors: 'openai' },
    { total: 'top', timeFields: 'createdAt' },
    { activityKeys: 'upper', callTypeId: '1' },
    { activityKeys: 'camel', activityFiles: 'hidden' },
    { fileDownload: 'urlOnly' },
    { statisticsFilter: 'ignored', verboseJson: 'refused' },
    { codeCase: 'upper', callScope: 'call' },
    { codeCase: 'lower', rateHeaders: 'on429', resetForm: 'epoch' },
  ]
  for (const variant of variants) {
    test(`one entry with ${JSON.stringify(variant)}`, async () => {
      const portal = await newPortal()
      expect(setSwitches(on.sandbox.world.portal(portal).switches, variant)).toBeUndefined()
      on.sandbox.addFault({ route: 'chat', portal, kind: 'status', status: 429, retryAfter: 1, times: 1 })
      const run = await take(await ring(portal))
      expect(await ended(run)).toBe('done')
      expect(entries(portal)).toHaveLength(1)
      expect(paid(portal)).toHaveLength(1)
    })
  }
})

describe('a fault of the upstream that persists', () => {
  test('is parked after two tries, with a text for the ticket that quotes the last request', async () => {
    const portal = await newPortal()
    on.sandbox.addFault({ route: 'chat', portal, kind: 'status', status: 500, code: 'INTERNAL_ERROR' })
    const call = await ring(portal)
    const run = await take(call)
    expect(await ended(run)).toBe('parked exhausted')
    const shown = await showCall(on.app, { call: call.callId, portalId: portal }, { actor: 'test', role: 'admin' })
    const failed = on.sandbox.requests().filter((request) => request.portal === portal && request.status === 500)
    expect(failed).toHaveLength(2)
    const step = shown.steps.find((one) => one.name === 'classifyLead')
    expect(step?.attempts).toHaveLength(2)
    expect(shown.ticket).toContain('INTERNAL_ERROR')
    expect(shown.ticket).toContain(step?.attempts.at(-1)?.requestId)
  })
})
