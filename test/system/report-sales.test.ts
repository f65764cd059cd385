import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { findOperation } from '../../src/ops/index.ts'
import { runOperation } from '../../src/ops/operation.ts'
import { sweepByAge } from '../../workers/retention.ts'
import { type Program, startProgram } from '../support/program.ts'

let program: Program
let botId: number

interface Report {
  readonly state: string
  readonly to: string[]
  readonly text: string
  readonly proseBy: string
  readonly why: string | null
  readonly cost: number
  readonly costAtMost: number
  readonly total: Record<string, number | null>
}
interface Shown {
  readonly state: string
  readonly class: string | null
  readonly report: Report | null
}

async function ask<Value>(name: string, input: Record<string, unknown>): Promise<Value> {
  const operation = findOperation(name)
  if (operation === undefined) throw new Error(`no operation ${name}`)
  return (await runOperation(program.app, operation, input, { actor: 'test', role: 'admin' })) as Value
}
const show = async (id: string) => await ask<Shown>('batch.show', { id })
const start = async (input: Record<string, unknown>) =>
  (await ask<{ id: string }>('batch.start', { workflow: 'report', portalId: 'acme', input })).id
const tell = async (input: Record<string, unknown>) => {
  const id = await start(input)
  return await program.until(async () => (await show(id)).report)
}
const portal = () => program.sandbox.world.portal('acme')
const batches = () => program.sandbox.requests().filter((one) => one.path.endsWith('/batch')).length
const chats = () => program.sandbox.effects(0, 'chat').length
const said = () => portal().bots.get(botId)?.messages ?? []

const inPeriod = '2026-11-10T12:00:00.000Z'
const days = { from: '2026-11-09', to: '2026-11-15', language: 'en' }

function addRow(entity: 'leads' | 'deals', row: Record<string, unknown>): number {
  const id = portal().nextId()
  portal().entities[entity].set(id, { createdTime: inPeriod, updatedTime: inPeriod, ...row, id })
  return id
}

async function addCall(
  userId: string,
  quality: string,
  score: number,
  entity: { typeId: number; id: number },
  at = inPeriod,
) {
  const { runId, callId } = await program.app.intake.accept({
    portalId: 'acme',
    source: 'event',
    callRef: `call ${userId} ${score} ${at}`,
    userId,
    masked: {},
  })
  const { db } = program.app
  await sql`update callsift.calls set started_at = ${at} where id = ${callId}`.execute(db)
  await sql`update callsift.runs set state = 'cancelled' where id = ${runId}`.execute(db)
  await sql`delete from callsift.steps where run_id = ${runId}`.execute(db)
  for (const [name, output] of [
    ['locateRecording', { entity }],
    ['classifyLead', { quality, score, reason: 'because' }],
  ] as const)
    await sql`insert into callsift.steps (run_id, generation, name, queue, portal_id, family, state, output, finished_at)
      values (${runId}, 1, ${name}, 'x', 'acme', 'none', 'done', ${JSON.stringify(output)}::jsonb, now())`.execute(db)
}

beforeAll(async () => {
  program = await startProgram({
    env: { CALLSIFT_PRICE_CHAT_1K_TOKENS: '1' },
    timings: { scheduleTickMs: 50, doubtWaitMs: 400, writeDeadlineMs: 600, retryDelaysMs: [20, 40] },
  })
  botId = (await ask<{ botId: number }>('bot.add', { portalId: 'acme', code: 'reporter' })).botId
  for (let n = 0; n < 1_203; n += 1)
    addRow('leads', {
      title: `Lead of somebody ${n}`,
      assignedById: (n % 2) + 1,
      sourceId: n % 3 === 0 ? 'WEB' : 'CALL',
      statusId: n % 10 === 0 ? 'CONVERTED' : 'NEW',
    })
  const deal = addRow('deals', { assignedById: 1, sourceId: 'WEB', stageId: 'WON', amount: 1_500.5 })
  addRow('deals', { assignedById: 2, sourceId: 'CALL', stageId: 'NEW', amount: 70 })
  // Before and after the period.
  addRow('leads', { assignedById: 1, createdTime: '2026-11-08T23:59:59.000Z' })
  addRow('deals', { assignedById: 1, stageId: 'WON', amount: 9, createdTime: '2026-11-16T00:00:00.000Z' })
  await addCall('1', 'high', 90, { typeId: 2, id: deal })
  await addCall('2', 'low', 12, { typeId: 2, id: 5 })
  await addCall('2', 'low', 13, { typeId: 2, id: 5 }, '2026-11-01T00:00:00.000Z')
})
afterAll(async () => await program.close())
afterEach(() => {
  program.sandbox.clearFaults()
  program.sandbox.world.model.plans.length = 0
  Object.assign(portal().switches, { total: 'meta', timeFields: 'createdTime', batchLists: 'whole' })
})

const total = {
  calls: 2,
  high: 1,
  medium: 0,
  low: 1,
  averageScore: 51,
  leads: 1_203,
  converted: 121,
  conversion: 10.1,
  deals: 2,
  won: 1,
  wonAmount: 1_500.5,
}

test('a dry run counts, in as many batches as are needed, and pays and sends nothing', async () => {
  const [asked, paid] = [batches(), chats()]
  const report = await tell({ ...days, dryRun: true })
  expect(report).toMatchObject({ state: 'dry_run', to: [], total, cost: 0 })
  expect(report.costAtMost).toBeGreaterThan(0)
  // The first pages of both, the rest of the leads, and the users' names.
  expect(batches() - asked).toBe(3)
  expect(chats()).toBe(paid)
})

test.each(['truncated', 'untold'] as const)(
  'lists of a batch that are %s are read to their end',
  async (batchLists) => {
    portal().switches.batchLists = batchLists
    expect(await tell({ ...days, dryRun: true })).toMatchObject({ total })
  },
)

test('is said once in a chat: figures by code, words by the model, names put back by code', async () => {
  const report = await tell({ ...days, bot: { botId, dialogId: 'chat77' } })
  expect(report).toMatchObject({ state: 'sent', to: [`bot ${botId} in chat77`], proseBy: 'model', total })
  expect(said()).toHaveLength(1)
  const text = said()[0]?.message ?? ''
  expect(text).toBe(report.text)
  expect(text).toContain('Sales report 2026-11-09 – 2026-11-15, by manager')
  expect(text).toContain('SANDBOX: 2 calls, 1203 leads, conversion 10.1%. Анна Песочница leads the list.')
  expect(text).toContain('Анна Песочница: calls 1 (1/0/0), leads 602')
  // Nobody's name went to the model, and no lead's anywhere.
  const shown = program.sandbox.effects(0, 'chat').at(-1)?.detail['content'] as string
  expect(shown).toContain('[M-A]')
  expect(
    JSON.stringify(await sql`select output from callsift.steps where name = 'gatherFigures'`.execute(program.app.db)),
  ).not.toContain('somebody')
})

test('by source, told to users, through whichever names and places the portal uses', async () => {
  Object.assign(portal().switches, { total: 'top', timeFields: 'createdAt' })
  const report = await tell({ ...days, by: 'source', notify: [1, 2], language: 'ru' })
  expect(report).toMatchObject({ state: 'sent', to: ['user 1', 'user 2'], total })
  expect(report.text).toContain('WEB: звонки 1 (1/0/0), лиды 401')
  expect(portal().notifications.map((one) => one.userId)).toEqual([1, 2])
  expect(portal().notifications[0]?.message).toBe(report.text)
})

test('a number that is no figure is asked for once more, then the code writes', async () => {
  const wrong = '{"prose":"There were 999 calls."}'
  const plan = (content: string) =>
    program.sandbox.world.model.plans.push({ left: 1, portal: 'acme', plan: { mode: 'honest', content } })
  plan(wrong)
  plan('{"prose":"There were 2 calls, and 1203 leads."}')
  let before = chats()
  expect((await tell(days)).text).toContain('There were 2 calls, and 1203 leads.')
  expect(chats() - before).toBe(2)
  plan(wrong)
  plan(wrong)
  before = chats()
  const report = await tell(days)
  expect(report).toMatchObject({ state: 'shown', proseBy: 'code' })
  expect(report.why).toContain('999 is none of the figures')
  expect(report.text).toContain('Calls: 2, of high interest: 1')
  expect(report.text).not.toContain('999')
  expect(chats() - before).toBe(2)
  expect(report.cost).toBeGreaterThan(0)
})

test('calls of a batch that fail for a passing reason are asked again; for good, they end it', async () => {
  program.sandbox.addFault({ route: 'batch.leads.search', kind: 'status', status: 502, times: 2 })
  const asked = batches()
  expect(await tell({ ...days, dryRun: true })).toMatchObject({ total })
  // Two more than without: only what failed is asked again.
  expect(batches() - asked).toBe(5)
  program.sandbox.addFault({ route: 'batch.deals.search', kind: 'status', status: 403, code: 'BITRIX_ACCESS_DENIED' })
  const refused = await start({ ...days, dryRun: true })
  await program.until(async () => (await show(refused)).state === 'parked')
  await ask('batch.cancel', { id: refused })
  program.sandbox.clearFaults()
  portal().key.scopes.delete('crm')
  const id = await start({ ...days, dryRun: true })
  await program.until(async () => (await program.app.gates.list()).some((gate) => gate.name === 'crm'))
  portal().key.scopes.add('crm')
  const gate = (await program.app.gates.list()).find((one) => one.name === 'crm')
  await ask('gate.open', { keyId: gate?.keyId })
  expect(await program.until(async () => (await show(id)).report)).toMatchObject({ total })
})

test('a report whose sending was lost is found in the chat, and not said again', async () => {
  const before = said().length
  program.sandbox.addFault({ route: 'bots.messages', kind: 'after', how: 'lost', times: 1 })
  expect(await tell({ ...days, bot: { botId, dialogId: 'chat77' } })).toMatchObject({ state: 'sent' })
  expect(said().length - before).toBe(1)
  program.sandbox.addFault({ route: 'bots.messages', kind: 'after', how: 'lost', times: 1 })
  const id = await start({ ...days, bot: { botId, dialogId: '12' } })
  await program.until(async () => (await show(id)).class === 'message_in_doubt')
  expect(said().length - before).toBe(2)
  await ask('batch.cancel', { id })
})

test('an observed portal is told nothing', async () => {
  await ask('portal.write', { id: 'acme', on: false })
  const before = said().length
  expect(await tell({ ...days, bot: { botId, dialogId: 'chat77' } })).toMatchObject({ state: 'observed', to: [] })
  expect(said()).toHaveLength(before)
  await ask('portal.write', { id: 'acme', on: true })
})

test('a schedule sends it, of the last whole period on the clocks of the portal', async () => {
  await ask('portal.settings', { id: 'acme', settings: { timeZone: 'Asia/Vladivostok' } })
  const before = said().length
  await ask('schedule.add', {
    name: 'weekly',
    workflow: 'report',
    portalId: 'acme',
    cron: '0 8 * * 1',
    input: { period: 'day', bot: { botId, dialogId: 'chat77' } },
  })
  await sql`update callsift.schedules set due_at = now() - interval '1 minute'`.execute(program.app.db)
  await program.until(async () => said().length > before)
  const now = await sql<{
    day: string
  }>`select to_char((now() at time zone 'Asia/Vladivostok') - interval '1 day', 'YYYY-MM-DD') as day`.execute(
    program.app.db,
  )
  expect(said().at(-1)?.message).toContain(`${now.rows[0]?.day} – ${now.rows[0]?.day}`)
  await expect(
    ask('schedule.add', {
      name: 'bad',
      workflow: 'report',
      portalId: 'acme',
      cron: '0 8 * * 1',
      input: { from: '2026-11-01' },
    }),
  ).rejects.toMatchObject({
    kind: 'invalid_input',
  })
})

test('names go by age', async () => {
  await sql`update callsift.runs set updated_at = now() - interval '31 days' where workflow = 'reportSales'`.execute(
    program.app.db,
  )
  await sweepByAge({
    db: program.app.db,
    keepDays: { deliveries: 0, transcripts: 30, uploads: 0 },
    onRemoved: () => undefined,
  })
  const left = await sql`select 1 from callsift.steps s join callsift.runs r on r.id = s.run_id
    where r.workflow = 'reportSales' and r.state = 'done' and s.output::text like '%Песочница%'`.execute(program.app.db)
  expect(left.rows).toEqual([])
})
