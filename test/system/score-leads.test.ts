import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toCsv } from '../../src/cli/csv.ts'
import { findOperation } from '../../src/ops/index.ts'
import { runOperation } from '../../src/ops/operation.ts'
import { needPortal } from '../../src/ops/portals.ts'
import type { CrmEntity } from '../../src/wire/crm.ts'
import { seeLead } from '../../workers/leads/see-lead.ts'
import { scanBytes } from '../support/byte-scan.ts'
import { type Program, startProgram } from '../support/program.ts'
import { addLeads, expectedScore } from '../support/sandbox-leads.ts'

let program: Program
let rubrics: string

interface Report {
  readonly found: number
  readonly unchanged: number
  readonly queued: number
  readonly judged: number
  readonly written: number
  readonly observed: number
  readonly stoppedBy: string | null
  readonly cost: number
  readonly costAtMost: number
  readonly quality: { high: number; medium: number; low: number }
  readonly tens: number[]
  readonly failures: Record<string, number>
}
interface Shown {
  readonly state: string
  readonly class: string | null
  readonly paused: boolean
  readonly report: Report | null
  readonly runs: { state: string; class: string | null; runs: number }[]
}

async function ask<Value>(name: string, input: Record<string, unknown>): Promise<Value> {
  const operation = findOperation(name)
  if (operation === undefined) throw new Error(`no operation ${name}`)
  return (await runOperation(program.app, operation, input, { actor: 'test', role: 'admin' })) as Value
}
const start = async (portalId: string, input: Record<string, unknown> = {}) =>
  (await ask<{ id: string }>('batch.start', { workflow: 'score-leads', portalId, input })).id
const show = async (id: string) => await ask<Shown>('batch.show', { id })
const reported = async (id: string) => await program.until(async () => (await show(id)).report, 50_000)
const score = async (portalId: string, input: Record<string, unknown> = {}) =>
  await reported(await start(portalId, input))

const chats = () => program.sandbox.requests().filter((one) => one.path.endsWith('/chat/completions')).length
const patches = () => program.sandbox.effects().filter((one) => one.kind === 'update').length
const lead = (portal: string, id: number) => program.sandbox.world.portal(portal).entities.leads.get(id)

beforeAll(async () => {
  rubrics = await mkdtemp(join(tmpdir(), 'callsift-rubrics-'))
  const lead = await readFile('rubrics/lead.yaml', 'utf8')
  await writeFile(join(rubrics, 'timeline.yaml'), `${lead.replace('name: lead', 'name: timeline')}timeline: 2\n`)
  program = await startProgram({
    env: { CALLSIFT_PRICE_CHAT_1K_TOKENS: '1', CALLSIFT_RUBRICS: rubrics },
    timings: { batchLookMs: 20, heartbeatMs: 300 },
  })
})
afterAll(async () => {
  await program.close()
  await rm(rubrics, { recursive: true, force: true })
})

describe('score-leads', () => {
  test('without its fields nothing is judged; `portal fields` creates them', async () => {
    await program.addPortal('bare')
    addLeads(program.sandbox, 'bare', 2)
    const id = await start('bare')
    await program.until(async () => (await show(id)).class === 'lead_fields_missing')
    expect(chats()).toBe(0)
    const made = await ask<{ fields: { state: string }[] }>('portal.fields', { id: 'bare', create: true })
    expect(made.fields.map((field) => field.state)).toEqual(['created', 'created', 'created'])
    expect((await score('bare')).written).toBe(2)
  })

  test('each lead of the filter is judged once, its three fields are right, and nothing else of it is touched', async () => {
    await ask('portal.fields', { id: 'acme', create: true })
    const ids = addLeads(program.sandbox, 'acme', 60)
    const other = addLeads(program.sandbox, 'acme', 1, 'CONVERTED')[0] ?? 0
    const [chatsBefore, patchesBefore] = [chats(), patches()]
    const report = await score('acme', { filter: { statusId: 'NEW' } })
    expect(report).toMatchObject({
      found: 60,
      unchanged: 0,
      queued: 60,
      judged: 60,
      written: 60,
      stoppedBy: null,
      failures: {},
    })
    expect(report.quality.high + report.quality.medium + report.quality.low).toBe(60)
    expect(report.tens.reduce((all, one) => all + one, 0)).toBe(60)
    expect(report.cost).toBeGreaterThan(0)
    expect(chats() - chatsBefore).toBe(60)
    expect(patches() - patchesBefore).toBe(60)
    for (const id of ids)
      expect(lead('acme', id)).toMatchObject({ ...expectedScore(program.sandbox, 'acme', id), statusId: 'NEW' })
    expect(lead('acme', other)).not.toHaveProperty('UF_CRM_AI_SCORE')
    const written = program.sandbox.effects().filter((one) => one.kind === 'update')
    const names = new Set(written.flatMap((one) => Object.keys(one.detail['changes'] as object)))
    expect([...names].sort()).toEqual(['UF_CRM_AI_QUALITY', 'UF_CRM_AI_REASON', 'UF_CRM_AI_SCORE'])
  })

  test('a second run pays nothing; a lead that changed is judged again, alone', async () => {
    const [chatsBefore, patchesBefore] = [chats(), patches()]
    expect(await score('acme', { filter: { statusId: 'NEW' } })).toMatchObject({
      found: 60,
      unchanged: 60,
      queued: 0,
      cost: 0,
    })
    expect([chats(), patches()]).toEqual([chatsBefore, patchesBefore])
    const leads = program.sandbox.world.portal('acme').entities.leads
    const changed = [...leads.values()].find((one) => one['statusId'] === 'NEW')
    if (changed === undefined) throw new Error('no lead')
    changed['comments'] = 'Wrong number, stop calling.'
    expect(await score('acme', { filter: { statusId: 'NEW' } })).toMatchObject({ queued: 1, judged: 1, written: 1 })
    expect(changed).toMatchObject(expectedScore(program.sandbox, 'acme', changed.id))
  })

  test('observed leads are judged once, and written once writing is on, without being judged again', async () => {
    await program.addPortal('watched')
    await ask('portal.fields', { id: 'watched', create: true })
    await ask('portal.write', { id: 'watched', on: false })
    const ids = addLeads(program.sandbox, 'watched', 5)
    expect(await score('watched')).toMatchObject({ judged: 5, observed: 5, written: 0 })
    expect(await score('watched')).toMatchObject({ unchanged: 5, queued: 0 })
    expect(lead('watched', ids[0] ?? 0)).not.toHaveProperty('UF_CRM_AI_SCORE')
    await ask('portal.write', { id: 'watched', on: true })
    const before = chats()
    expect(await score('watched')).toMatchObject({ queued: 5, written: 5, cost: 0 })
    expect(chats()).toBe(before)
    for (const id of ids) expect(lead('watched', id)).toMatchObject(expectedScore(program.sandbox, 'watched', id))
  })

  test('a dry run counts and prices; --max-leads and --max-cost are never exceeded', async () => {
    await program.addPortal('frugal')
    await ask('portal.fields', { id: 'frugal', create: true })
    addLeads(program.sandbox, 'frugal', 30)
    const before = chats()
    const priced = await score('frugal', { dryRun: true })
    expect(priced).toMatchObject({ found: 30, queued: 30, judged: 0, written: 0, cost: 0 })
    expect(chats()).toBe(before)
    expect(await score('frugal', { maxLeads: 4 })).toMatchObject({ queued: 4, written: 4, stoppedBy: 'max_leads' })
    const each = priced.costAtMost / 30
    const capped = await score('frugal', { maxCost: each * 2 })
    expect(capped).toMatchObject({ stoppedBy: 'max_cost' })
    expect(capped.cost).toBeLessThanOrEqual(each * 2)
    expect(capped.judged).toBeGreaterThanOrEqual(2)
    expect(capped.judged).toBeLessThan(26)
  })

  test('a batch rests, goes on, and is ended; another does not begin beside it', async () => {
    await program.addPortal('calm')
    await ask('portal.fields', { id: 'calm', create: true })
    addLeads(program.sandbox, 'calm', 40)
    program.sandbox.addFault({ route: 'chat', kind: 'slow', delayMs: 100 })
    const id = await start('calm')
    await expect(start('calm')).rejects.toMatchObject({ kind: 'already_running' })
    await program.until(async () => (await show(id)).runs.some((one) => one.state === 'done'))
    await ask('batch.pause', { id })
    const resting = async () => (await show(id)).runs.find((one) => one.state === 'done')?.runs ?? 0
    await program.until(async () => {
      const running = await program.app.db
        .selectFrom('callsift.steps')
        .select('id')
        .where('state', 'in', ['running', 'dispatched'])
        .execute()
      return running.length === 0
    })
    const [stood, asked] = [await resting(), chats()]
    expect(stood).toBeLessThan(40)
    expect((await show(id)).paused).toBe(true)
    await ask('batch.resume', { id })
    await program.until(async () => (await resting()) > stood)
    expect(chats()).toBeGreaterThan(asked)
    await ask('batch.cancel', { id })
    expect(await show(id)).toMatchObject({ state: 'cancelled' })
    await expect(ask('batch.cancel', { id })).rejects.toMatchObject({ kind: 'not_running' })
    expect((await show(id)).runs.some((one) => one.state === 'running')).toBe(false)
    program.sandbox.clearFaults()
    const again = await score('calm')
    expect(again.queued + again.unchanged).toBe(40)
    expect(again.unchanged).toBeGreaterThan(0)
  })

  test('its rows can be read as CSV', async () => {
    const { batches } = await ask<{ batches: { id: string }[] }>('batch.list', {})
    const { rows } = await ask<{ rows: { id: string; outputs: Record<string, unknown> }[] }>('batch.rows', {
      id: batches.at(-2)?.id,
    })
    const csv = toCsv(rows.map(({ outputs, ...row }) => ({ ...row, ...outputs })))
    expect(csv.split('\r\n')[0]).toContain('leadId')
    expect(toCsv([{ a: '=1+1', b: 'x,"y"' }])).toBe('a,b\r\n\'=1+1,"x,""y"""\r\n')
  })
})

async function newPortal(name: string) {
  await program.addPortal(name)
  await ask('portal.fields', { id: name, create: true })
  return program.sandbox.world.portal(name)
}
describe('the timeline of a lead', () => {
  const asked = (portal: string) =>
    program.sandbox.requests().filter((one) => one.portal === portal && one.path.startsWith('/v1/timelines')).length

  test('is seen where the rubric wants it: the newest comments, masked; another one is paid for, and nothing else', async () => {
    const portal = await newPortal('commented')
    const [id = 0] = addLeads(program.sandbox, 'commented', 12)
    const say = (comment: string) => {
      const comments = {
        id: portal.nextId(),
        entityType: 'lead',
        entityId: id,
        comment,
        created: '2026-11-20T10:00:00Z',
      }
      portal.comments.set(comments.id, comments)
    }
    say('Old: just looking around.')
    say('They need 90 seats, call +7 912 345-67-89.')
    const scored = async () => await score('commented', { rubric: 'timeline' })
    expect(await scored()).toMatchObject({ found: 12, judged: 12, written: 12, failures: {} })
    expect(await scored()).toMatchObject({ unchanged: 12, queued: 0 })
    const before = Number(portal.entities.leads.get(id)?.['UF_CRM_AI_SCORE'])
    say('They ask for a refund and are not interested any more.')
    expect(await scored()).toMatchObject({ unchanged: 11, judged: 1, written: 1 })
    expect(Number(portal.entities.leads.get(id)?.['UF_CRM_AI_SCORE'])).toBeLessThan(before)
    const client = program.app.clientFor(await needPortal(program.app, 'commented'))
    const comments = await client.comments.list({ entityType: 'lead', entityId: id, limit: 2 })
    const rubric = program.app.rubrics.find('timeline')
    const { text } = seeLead({ id } as CrmEntity, { lastCall: undefined, comments }, rubric, true)
    expect(text.split('\n')).toEqual([
      'timeline 2026-11-20: They need 90 seats, call [PHONE_1].',
      'timeline 2026-11-20: They ask for a refund and are not interested any more.',
    ])
  })

  test('is not asked for otherwise', async () => {
    await newPortal('plain')
    addLeads(program.sandbox, 'plain', 3)
    expect(await score('plain')).toMatchObject({ written: 3 })
    expect(asked('plain')).toBe(0)
    expect(asked('commented')).toBeGreaterThan(12)
  })
})

describe('a lead that is erased while it is scored', () => {
  const name = 'ООО Сиреневыйбульдозер'
  test.each([
    ['while the model is asked', 'chat', 'judgeLead'],
    ['while its score is written', 'leads.update', 'writeLeadScore'],
  ])('leaves nothing: %s', async (_, route, step) => {
    const portalName = `erased-${step.toLowerCase()}`
    const portal = await newPortal(portalName)
    const [id = 0] = addLeads(program.sandbox, portalName, 3)
    const row = portal.entities.leads.get(id)
    if (row !== undefined) row['comments'] = `${name}, нужно 50 мест, бюджет согласован.`
    program.sandbox.addFault({ route, kind: 'slow', delayMs: 1_500, portal: portalName })
    const batch = await start(portalName)
    const working = sql<{ id: string }>`select s.id from callsift.steps s join callsift.runs r on r.id = s.run_id
      where s.name = ${step} and s.state = 'running' and r.input->>'leadId' = ${String(id)} and r.portal_id = ${portalName}`
    await program.until(async () => (await working.execute(program.app.db)).rows[0])
    const report = await ask<Record<string, unknown>>('call.erase', { lead: id, portalId: portalName })
    expect(report).toMatchObject({ calls: 0, leads: 1, stillRunning: 0, notCleared: [] })
    program.sandbox.clearFaults()
    // The batch is not held up by the run that it lost.
    expect(await reported(batch)).toMatchObject({ found: 3, judged: 2, written: 2 })
    const left = await sql<{ n: number }>`select
        (select count(*) from callsift.lead_scores where portal_id = ${portalName} and lead_id = ${id})::int
      + (select count(*) from callsift.runs where portal_id = ${portalName} and input->>'leadId' = ${String(id)})::int as n`.execute(
      program.app.db,
    )
    expect(left.rows).toEqual([{ n: 0 }])
    expect(await scanBytes(program.app.config.dataDir, [name])).toEqual([])
  })
})
