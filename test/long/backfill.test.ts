import { afterEach, describe, expect, test } from 'vitest'
import { listPortals } from '../../src/db/portals.ts'
import { findOperation } from '../../src/ops/index.ts'
import { runOperation } from '../../src/ops/operation.ts'
import { type Status, status } from '../../src/ops/status.ts'
import { releaseForsaken } from '../../workers/spending.ts'
import { type Program, startProgram } from '../support/program.ts'

const timings = {
  dispatchTickMs: 100,
  sweepMs: 300,
  retryDelaysMs: [100, 200, 300],
  alertEveryMs: 3_600_000,
  alertQuietMs: 0,
}
const dayMs = 24 * 3_600_000

let program: Program | null = null
afterEach(async () => {
  await program?.close()
  program = null
})

async function begin(options: { env?: Record<string, string>; work?: boolean } = {}) {
  program = await startProgram({ timings, ...options })
  return program
}

const ask = async (on: Program, name: string, input: unknown) => {
  const operation = findOperation(name)
  if (operation === undefined) throw new Error(`no operation ${name}`)
  return (await runOperation(on.app, operation, input, { actor: 'test', role: 'admin' })) as Record<string, unknown>
}

/** Page by page, as the verb does. */
async function walk(on: Program, name: 'backfill.count' | 'backfill.take', range: { since: string; until: string }) {
  const pages: Record<string, unknown>[] = []
  for (let afterId: unknown; afterId !== null; afterId = pages.at(-1)?.['nextAfterId']) {
    pages.push(await ask(on, name, { portalId: 'acme', ...range, afterId }))
  }
  const sum = (field: string) => pages.reduce((total, page) => total + Number(page[field]), 0)
  return { pages, listed: sum('listed'), known: sum('known'), wanted: sum('wanted'), taken: sum('taken'), sum }
}

async function past(on: Program, count: number, more: Record<string, unknown> = {}) {
  const [recording] = await on.sandbox.world.sound.recordings()
  return await on.sandbox.addCalls({
    count,
    portals: ['acme'],
    entity: 'deal',
    sendEvent: false,
    startedAt: Date.now() - 10 * dayMs,
    ...(recording === undefined ? {} : { recordingId: recording.id }),
    ...more,
  })
}

const moment = (daysAgo: number) => new Date(Date.now() - daysAgo * dayMs).toISOString()
const range = () => ({ since: moment(20), until: moment(5) })

async function runsOf(on: Program) {
  return await on.app.db.selectFrom('callsift.runs').select(['id', 'state', 'priority']).orderBy('id').execute()
}
const readStatus = async (on: Program) => (await ask(on, status.name, {})) as unknown as Status

describe('a backfill', () => {
  test('counts and prices first, takes in once, leaves out what is known, filtered or outside, and may be run again', async () => {
    const on = await begin({
      work: false,
      env: { CALLSIFT_PRICE_SPEECH_MINUTE: '0.6', CALLSIFT_PRICE_CHAT_1K_TOKENS: '0.2' },
    })
    const calls = await past(on, 130, { durationSeconds: 60 })
    await past(on, 3, { durationSeconds: 5 })
    await past(on, 2, { failedCode: '304' })
    await past(on, 4, { startedAt: Date.now() - 30 * dayMs })
    await past(on, 4, { startedAt: Date.now() - dayMs })
    const [known] = calls
    await on.app.intake.accept({ portalId: 'acme', source: 'event', callRef: known?.callId ?? '', masked: {} })

    const counted = await walk(on, 'backfill.count', range())
    expect(counted.pages.length).toBe(3)
    expect([counted.listed, counted.known, counted.wanted, counted.taken]).toEqual([135, 1, 129, 0])
    expect(counted.sum('minutes')).toBeCloseTo(129)
    expect(counted.sum('speechCost')).toBeCloseTo(129 * 0.6)
    expect(counted.sum('chatCost')).toBeCloseTo((129 * 1_100 * 0.2) / 1_000)
    const reasons = counted.pages.map((page) => page['filtered'] as Record<string, number>)
    expect(reasons.reduce((n, one) => n + (one['too_short'] ?? 0), 0)).toBe(3)
    expect(reasons.reduce((n, one) => n + (one['no_conversation'] ?? 0), 0)).toBe(2)
    expect(await runsOf(on)).toHaveLength(1)

    // Broken off after its first page, and begun again.
    await ask(on, 'backfill.take', { portalId: 'acme', ...range() })
    const taken = await walk(on, 'backfill.take', range())
    expect(taken.known).toBeGreaterThan(1)
    const runs = await runsOf(on)
    expect(runs).toHaveLength(130)
    expect(runs.map((run) => run.priority).sort((a, b) => a - b)).toEqual([0, ...Array(129).fill(10)])
    expect(await walk(on, 'backfill.take', range())).toMatchObject({ wanted: 0, taken: 0, known: 130 })
    expect(await runsOf(on)).toHaveLength(130)
  })

  test('a portal that does not filter its list is told of, not read by halves', async () => {
    const on = await begin({ work: false })
    await past(on, 60, { startedAt: Date.now() - 30 * dayMs })
    await past(on, 3)
    on.sandbox.world.portal('acme').switches.statisticsFilter = 'ignored'
    const outcome = await walk(on, 'backfill.count', range()).catch((error: unknown) => error)
    // Without the filter by id the pages repeat: better a word than a loop or a half.
    expect(outcome).toMatchObject({
      kind: 'portal_not_asked',
      hint: expect.stringContaining('ignores the filter by id'),
    })
  })
})

describe('a cap', () => {
  test('stops before what would exceed it, says so with its mend, and goes on at once when it is raised', async () => {
    const on = await begin({ env: { CALLSIFT_PRICE_SPEECH_MINUTE: '1' } })
    const calls = await past(on, 6)
    const seconds = calls[0]?.durationSeconds ?? 0
    // Room for two and a half of them.
    const capDailyMinutes = (seconds * 2.5) / 60
    await ask(on, 'portal.settings', { id: 'acme', settings: { capDailyMinutes, timeZone: 'Europe/Moscow' } })
    const runIds: string[] = []
    for (const call of calls) {
      const { runId } = await on.app.intake.accept({
        portalId: 'acme',
        source: 'event',
        callRef: call.callId,
        masked: {},
      })
      runIds.push(runId)
    }
    await on.until(async () => {
      const rows = await on.app.db
        .selectFrom('callsift.steps')
        .select(['state', 'blocked_by'])
        .where('name', '=', 'transcribePart')
        .execute()
      const done = rows.filter((row) => row.state === 'done').length
      return done === 2 && rows.filter((row) => row.blocked_by === 'cap:acme' && row.state === 'ready').length === 4
    })
    expect(on.sandbox.effects(0, 'transcription')).toHaveLength(2)
    const seen = await readStatus(on)
    expect(seen.ok).toBe(false)
    expect(seen.alarms.join(' ')).toMatch(
      /daily cap of .* min of portal acme is reached.*Europe\/Moscow.*portal set acme capDailyMinutes/,
    )
    expect(seen.causes).toEqual([expect.objectContaining({ class: 'cap_reached', state: 'blocked', runs: 4 })])
    expect(seen.spent[0]?.day.minutes).toBeLessThanOrEqual(capDailyMinutes)
    expect(seen.spent[0]?.day.cost).toBeCloseTo(seen.spent[0]?.day.minutes ?? -1, 3)
    await on.app.alerts.round()
    const standing = (await ask(on, 'alert.list', {})) as { alerts: { kind: string; mend: string }[] }
    expect(standing.alerts).toEqual([
      expect.objectContaining({ kind: 'cap_reached', mend: expect.stringContaining('capDailyMinutes') }),
    ])

    await ask(on, 'portal.settings', { id: 'acme', settings: { capDailyMinutes: (seconds * 20) / 60 } })
    await on.until(async () => (await runsOf(on)).every((run) => run.state === 'done'))
    expect(on.sandbox.effects(0, 'transcription')).toHaveLength(6)
    await on.app.alerts.round()
    expect(((await ask(on, 'alert.list', {})) as { alerts: unknown[] }).alerts).toEqual([])
    const attempts = await on.app.db.selectFrom('callsift.steps').select(['attempts', 'laters']).execute()
    expect(attempts.every((step) => step.attempts === 0)).toBe(true)
  })

  test('a backfill leaves a fifth to the calls of the day', async () => {
    const on = await begin()
    const calls = await past(on, 5)
    const seconds = calls[0]?.durationSeconds ?? 0
    await ask(on, 'portal.settings', { id: 'acme', settings: { capMonthlyMinutes: (seconds * 4.5) / 60 } })
    await walk(on, 'backfill.take', range())
    const states = async () =>
      (
        await on.app.db
          .selectFrom('callsift.steps')
          .select(['state', 'blocked_by'])
          .where('name', '=', 'transcribePart')
          .execute()
      ).map((row) => row.blocked_by ?? row.state)
    await on.until(async () => (await states()).filter((one) => one === 'cap:acme:backfill').length === 2)
    expect((await states()).filter((one) => one === 'done')).toHaveLength(3)
    const [live] = await past(on, 1, { startedAt: Date.now() - 60_000 })
    await on.app.intake.accept({ portalId: 'acme', source: 'event', callRef: live?.callId ?? '', masked: {} })
    await on.until(async () => (await runsOf(on)).some((run) => run.priority === 0 && run.state === 'done'))
    // Waiting is what a backfill does: nobody is woken for it.
    await on.app.alerts.round()
    expect(((await ask(on, 'alert.list', {})) as { alerts: unknown[] }).alerts).toEqual([])
    expect(on.sandbox.effects(0, 'transcription')).toHaveLength(4)
  })

  test('is given back by what was cancelled, and what waited for that goes on', async () => {
    const on = await begin()
    const [slow, next] = await past(on, 2)
    const seconds = slow?.durationSeconds ?? 0
    await ask(on, 'portal.settings', { id: 'acme', settings: { capDailyMinutes: (seconds * 1.5) / 60 } })
    // In doubt whether it was done and billed: the sum stays set aside for the repetition, which an operator then forgoes.
    on.sandbox.addFault({ route: '/audio/transcriptions', kind: 'status', status: 502 })
    const take = (callRef = '') => on.app.intake.accept({ portalId: 'acme', source: 'event', callRef, masked: {} })
    const { callId } = await take(slow?.callId)
    await on.until(async () => (await runsOf(on)).some((run) => run.state === 'parked'))
    on.sandbox.clearFaults()
    expect((await readStatus(on)).spent[0]?.day.minutesSetAside).toBeGreaterThan(0)
    await take(next?.callId)
    const waiting = async () =>
      (await on.app.db.selectFrom('callsift.steps').select('id').where('blocked_by', '=', 'cap:acme').execute()).length
    await on.until(async () => (await waiting()) === 1)
    await ask(on, 'call.cancel', { call: callId })
    expect(await releaseForsaken({ db: on.app.db, gates: on.app.gates, kick: on.app.engine.kick })).toBe(1)
    await on.until(async () => (await runsOf(on)).some((run) => run.state === 'done'))
  })

  test('gives back what a refusal did not cost, and counts a repeated step once', async () => {
    const on = await begin()
    const [call] = await past(on, 1)
    const seconds = call?.durationSeconds ?? 0
    await ask(on, 'portal.settings', { id: 'acme', settings: { capDailyMinutes: (seconds * 1.5) / 60 } })
    const portal = (await listPortals(on.app.db))[0]
    on.sandbox.addFault({ route: '/audio/transcriptions', kind: 'status', status: 429, retryAfter: 1, times: 1 })
    await on.app.intake.accept({ portalId: portal?.id ?? '', source: 'event', callRef: call?.callId ?? '', masked: {} })
    await on.until(async () => (await runsOf(on)).every((run) => run.state === 'done'))
    const items = await on.app.db.selectFrom('callsift.spend_items').selectAll().execute()
    expect(items.map((item) => [item.kind, item.state])).toEqual([['speech', 'settled']])
    const { spent } = await readStatus(on)
    expect(spent[0]?.day.minutesSetAside).toBe(0)
    expect(spent[0]?.day.minutes).toBeGreaterThan(0)
    expect(spent[0]?.day.minutes).toBeLessThanOrEqual((seconds * 1.5) / 60)
  })
})
