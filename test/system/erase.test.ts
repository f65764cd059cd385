import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { IncomingCall } from '../../src/intake/incoming-call.ts'
import { findOperation } from '../../src/ops/index.ts'
import { runOperation } from '../../src/ops/operation.ts'
import type { CallSpec, CreatedCall } from '../../src/sandbox/calls.ts'
import { scanBytes } from '../support/byte-scan.ts'
import { type Program, startProgram } from '../support/program.ts'

const timings = { dispatchTickMs: 100, heartbeatMs: 300, workerTtlMs: 2_000, sweepMs: 200, retryDelaysMs: [100] }
const phrase = 'кенгуровый сиреневый бульдозер'
const number = '79035550142'
const speech = `Клиент: Нам нужно тридцать мест. Запомните: ${phrase}. Бюджет согласован.`

let on: Program
beforeAll(async () => {
  on = await startProgram({ timings })
})
afterAll(() => on.close())

async function operate(name: string, input: Record<string, unknown>): Promise<Record<string, unknown>> {
  const operation = findOperation(name)
  if (operation === undefined) throw new Error(`no operation ${name}`)
  return (await runOperation(on.app, operation, input, { actor: 'test', role: 'admin' })) as Record<string, unknown>
}

async function ring(spec: Partial<CallSpec> = {}): Promise<CreatedCall> {
  const [recording] = await on.sandbox.world.sound.recordings()
  return await on.sandbox.addCall({
    portal: on.portal.id,
    entity: 'deal',
    sendEvent: false,
    phone: `+${number}`,
    hearAs: speech,
    ...(recording === undefined ? {} : { recordingId: recording.id }),
    ...spec,
  })
}

const take = (call: CreatedCall, more: Partial<IncomingCall> = {}) =>
  on.app.intake.accept({
    portalId: call.portal,
    source: 'event',
    callRef: call.callId,
    phone: call.phone,
    startedAt: new Date(Date.now() - 60_000),
    masked: { callRef: call.callId, phone: '…0142' },
    ...more,
  })

async function finished(runId: string): Promise<void> {
  await on.until(async () => {
    const row = await on.app.db
      .selectFrom('callsift.runs')
      .select('state')
      .where('id', '=', runId)
      .executeTakeFirstOrThrow()
    return row.state === 'done'
  })
}

async function rowsLeft(): Promise<Record<string, number>> {
  const left: Record<string, number> = {}
  for (const table of [
    'calls',
    'call_identities',
    'runs',
    'steps',
    'attempts',
    'effects',
    'inbox',
    'uploads',
    'reviews',
    'bulk_retry_calls',
  ] as const) {
    const { n } = await on.app.db
      .selectFrom(`callsift.${table}`)
      .select((build) => build.fn.countAll<string>().as('n'))
      .executeTakeFirstOrThrow()
    if (Number(n) > 0) left[table] = Number(n)
  }
  return left
}

describe('an erasure', () => {
  test('tells first what would go, and changes nothing', async () => {
    const call = await ring()
    const { runId, callId } = await take(call)
    await finished(runId)
    await operate('review.decide', { call: callId, decision: 'corrected', reason: `He said: ${phrase}.` })
    await operate('retry.start', { ids: [callId], from: 'classifyLead' })
    expect(await scanBytes(on.app.config.dataDir, [phrase])).not.toEqual([])
    const before = await rowsLeft()
    const report = await operate('call.erase', { call: callId, dryRun: true })
    expect(report).toMatchObject({ dryRun: true, calls: 1, removed: {} })
    expect(await rowsLeft()).toEqual(before)
  })

  test('by phone, in another spelling, leaves no row and no byte, and says what stands in the CRM', async () => {
    const written = on.sandbox.effects(0, 'timeline-log').length
    const report = await operate('call.erase', { phone: '8 (903) 555-01-42' })
    expect(report).toMatchObject({ dryRun: false, calls: 1, stillRunning: 0, filesRewritten: true, notCleared: [] })
    expect(report['entries']).toHaveLength(written)
    expect(await rowsLeft()).toEqual({})
    const needles = [phrase, number, '555-01-42', '…0142']
    expect(await scanBytes(on.app.config.dataDir, needles)).toEqual([])
    expect(JSON.stringify(report)).not.toContain(number)
  })

  test('is not undone by a later event, by reconcile, or by the API', async () => {
    // Another number: that of the test before is erased for all past calls.
    const again = await ring({ phone: '+79035550143' })
    const { runId } = await take(again)
    await finished(runId)
    await operate('call.erase', { call: again.callId })
    expect(await take(again)).toEqual({ outcome: 'erased', callId: '', runId: '' })
    expect((await on.app.reconcile({ force: true })).found).toBe(0)
    await expect(operate('call.submit', { callId: again.callId, portalId: on.portal.id })).rejects.toMatchObject({
      kind: 'erased',
      status: 409,
    })
    expect(await rowsLeft()).toEqual({})
    // The tombstone outlives a change of the secret key.
    await operate('key.rotate', {})
    expect(await take(again)).toMatchObject({ outcome: 'erased' })
  })

  test('by phone holds for past calls only: who calls again is a new call', async () => {
    const past = await ring()
    expect(await take(past, { source: 'backfill', callRef: 'a past one' })).toMatchObject({ outcome: 'erased' })
    const fresh = await ring()
    const accepted = await take(fresh, { startedAt: new Date(Date.now() + 1_000) })
    expect(accepted.outcome).toBe('accepted')
    await finished(accepted.runId)
    await operate('call.erase', { call: accepted.callId })
  })

  test('O10 while its job runs: the job ends, and nothing is left of it', async () => {
    on.sandbox.addFault({ route: 'transcription', kind: 'slow', delayMs: 30_000, times: 1 })
    const call = await ring({ phone: '+79035550144' })
    const { runId, callId } = await take(call)
    await on.until(async () => {
      const step = await on.app.db
        .selectFrom('callsift.steps')
        .select('state')
        .where('run_id', '=', runId)
        .where('name', '=', 'transcribePart')
        .executeTakeFirst()
      return step?.state === 'running'
    })
    const entries = on.sandbox.effects(0, 'timeline-log').length
    const began = performance.now()
    expect(await operate('call.erase', { call: callId })).toMatchObject({ calls: 1, stillRunning: 0 })
    expect(performance.now() - began).toBeLessThan(14_000)
    await on.until(async () => on.app.engine.activeSteps() === 0)
    expect(await rowsLeft()).toEqual({})
    expect(on.sandbox.effects(0, 'timeline-log')).toHaveLength(entries)
    await on.until(async () => (await scanBytes(`${on.app.config.dataDir}/temp`, ['ID3', 'LAME', 'Lavf'])).length === 0)
  })

  test('refuses what names nobody', async () => {
    await expect(operate('call.erase', {})).rejects.toMatchObject({ status: 400 })
    await expect(operate('call.erase', { phone: '112' })).rejects.toMatchObject({ kind: 'short_phone' })
    await expect(operate('call.erase', { call: '999999' })).rejects.toMatchObject({ status: 404 })
    expect(await operate('call.erase', { phone: '+7 999 000 00 00' })).toMatchObject({ calls: 0 })
  })

  test('leaves an audit that tells nothing of whom', async () => {
    const rows = await on.app.db.selectFrom('callsift.audit').selectAll().execute()
    expect(rows.filter((row) => row.action === 'call.erase').length).toBeGreaterThan(4)
    expect(JSON.stringify(rows)).not.toMatch(/903|0142|5550142/)
  })
})
