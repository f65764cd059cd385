import { readFileSync } from 'node:fs'
import { sql } from 'kysely'
import { request } from 'undici'
import { expect } from 'vitest'
import { startBatch } from '../../src/engine/start-batch.ts'
import { leadFields } from '../../src/wire/lead-fields.ts'
import { registry } from '../../workers/index.ts'
import { addLeads, expectedScore } from './sandbox-leads.ts'
import { type Service, startService } from './service.ts'

/** Waits of the engine at a fifth; those of the protocol keep their proportions. */
const timings = {
  heartbeatMs: 600,
  workerTtlMs: 2_000,
  sweepMs: 500,
  lostJobMs: 2_000,
  permitMs: 500,
  retryDelaysMs: [200, 1_000, 3_000, 6_000, 10_000],
  batchLookMs: 200,
}

interface Report {
  readonly found: number
  readonly queued: number
  readonly unchanged: number
  readonly judged: number
  readonly written: number
  readonly failures: Record<string, number>
}

export interface ScoringOutcome {
  readonly seconds: number
  readonly kills: number
  readonly chats: number
  readonly patches: number
  readonly earlyLate: number
  /** Resident size of `serve`, which is never killed, at each kill, MB. */
  readonly serveMb: readonly number[]
}

/**
 * Scores leads on two workers while 5 % of the requests get a 429, 3 % a 502 (of PATCHes: after they were carried out), and a worker is
 * killed every `killEveryMs`. Proves what a scoring promises, and that a second one pays nothing.
 */
export async function scoreUnderKills(options: {
  databaseUrl: string
  redisUrl: string | undefined
  leads: number
  killEveryMs: number
  withinMs: number
}): Promise<ScoringOutcome> {
  const { databaseUrl, redisUrl, leads } = options
  const service = await startService({ databaseUrl, redisUrl, portals: 1, workers: 2, timings })
  try {
    await service.ready()
    const ids = await prepare(service, leads)
    const startedAt = performance.now()
    const first = await start(service, 'first')
    const { report, kills, serveMb } = await killUntilReported(service, first, options)
    const seconds = (performance.now() - startedAt) / 1_000
    expect(report).toMatchObject({ found: leads, queued: leads, written: leads, failures: {} })

    const { sandbox } = service
    for (const id of ids)
      expect(sandbox.world.portal('portal-0').entities.leads.get(id)).toMatchObject(
        expectedScore(sandbox, 'portal-0', id),
      )
    const patched = sandbox.effects().filter((effect) => effect.kind === 'update')
    expect(patched.length).toBe(leads)
    const verdicts = await sql<{
      leads: number
      verdicts: number
    }>`select count(distinct output->>'leadId')::int as leads,
      count(*)::int as verdicts from callsift.steps where name = 'judgeLead' and state = 'done'`.execute(service.db)
    expect(verdicts.rows[0]).toEqual({ leads, verdicts: leads })
    const answered = () => sandbox.requests().filter((one) => one.route === 'chat' && one.status === 200).length
    const chats = answered()
    // What a worker had asked when it was killed is asked again, once each: no more than it may have under way.
    expect(chats).toBeLessThanOrEqual(leads + kills * 8)
    expect(mostAtOnce(sandbox.requests())).toBeLessThanOrEqual(2)

    sandbox.clearFaults()
    const second = await start(service, 'second')
    const again = await reported(service, second, options.withinMs)
    expect(again).toMatchObject({ found: leads, queued: 0, unchanged: leads, judged: 0 })
    expect(answered()).toBe(chats)
    expect(sandbox.effects().filter((effect) => effect.kind === 'update').length).toBe(leads)
    const earlyLate = sandbox.world.truth.counters.duringWaitLate
    return { seconds, kills, chats, patches: patched.length, earlyLate, serveMb }
  } finally {
    await service.close()
  }
}

async function prepare(service: Service, leads: number): Promise<number[]> {
  const { sandbox } = service
  const { key } = sandbox.world.portal('portal-0')
  for (const { short, type, label } of leadFields) {
    const answer = await request(`${sandbox.url}/userfields/leads`, {
      method: 'POST',
      headers: { 'x-api-key': key.value, 'content-type': 'application/json' },
      body: JSON.stringify({ userTypeId: type, fieldName: short, label }),
    })
    await answer.body.dump()
    expect(answer.statusCode).toBe(201)
  }
  const ids = addLeads(sandbox, 'portal-0', leads)
  sandbox.addFault({ route: '/v1/(leads|chat)', kind: 'status', status: 429, retryAfter: 1, every: 20 })
  sandbox.addFault({ route: 'leads.update', kind: 'after', status: 502, every: 33 })
  sandbox.addFault({ route: '(GET /v1/leads|chat)', kind: 'status', status: 502, every: 33 })
  return ids
}

async function start(service: Service, slot: string): Promise<string> {
  const started = await service.db
    .transaction()
    .execute((trx) => startBatch(trx, registry, { workflow: 'scoreLeads', portalId: 'portal-0', slot, input: {} }))
  if ('busy' in started) throw new Error(`batch ${started.busy} still runs`)
  return started.runId
}

async function readReport(service: Service, runId: string): Promise<Report | null> {
  const rows = await sql<{ output: Report }>`select output from callsift.steps
    where run_id = ${runId} and name = 'reportScores' and state = 'done'`.execute(service.db)
  return rows.rows[0]?.output ?? null
}

const moment = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

async function reported(service: Service, runId: string, withinMs: number): Promise<Report> {
  for (const deadline = performance.now() + withinMs; ; ) {
    const report = await readReport(service, runId)
    if (report !== null) return report
    if (performance.now() > deadline) throw new Error(await tellSteps(service))
    await moment(50)
  }
}

async function judgedOne(service: Service, withinMs: number): Promise<void> {
  for (const deadline = performance.now() + withinMs; ; ) {
    const rows = await sql`select 1 from callsift.steps where name = 'judgeLead' and state = 'done' limit 1`.execute(
      service.db,
    )
    if (rows.rows.length > 0) return
    if (performance.now() > deadline) throw new Error(await tellSteps(service))
    await moment(20)
  }
}

async function tellSteps(service: Service): Promise<string> {
  const rows = await sql`select name, state, class, max(message) as message, count(*)::int as n from callsift.steps
    group by name, state, class`.execute(service.db)
  return `no report in time; steps: ${JSON.stringify(rows.rows, null, 1)}`
}

async function killUntilReported(
  service: Service,
  runId: string,
  { killEveryMs, withinMs }: { killEveryMs: number; withinMs: number },
): Promise<{ report: Report; kills: number; serveMb: number[] }> {
  const workers = service.processes.filter((one) => one.name.startsWith('work'))
  const serve = service.processes.find((one) => one.name === 'serve')
  const serveMb: number[] = []
  const done = reported(service, runId, withinMs)
  done.catch(() => undefined)
  await judgedOne(service, withinMs)
  for (let kills = 0; ; kills += 1) {
    // The first as soon as a lead is judged: few leads are through before a wait of any length, on a fast machine.
    const ended = kills === 0 ? null : await Promise.race([done, moment(killEveryMs).then(() => null)])
    serveMb.push(residentMb(serve?.child.pid))
    if (ended !== null) return { report: ended, kills, serveMb }
    const target = workers[kills % workers.length]
    if (target === undefined) throw new Error('no workers')
    await service.kill(target)
    service.restart(target)
  }
}

function residentMb(pid: number | undefined): number {
  const [, kb] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Math.round(Number(kb) / 1024)
}

/** Of the portal's own routes: how many were on their way at the same moment. */
function mostAtOnce(requests: readonly { family: string; at: number; ms: number; status: number }[]): number {
  const moments = requests
    .filter((one) => one.family === 'portal')
    // An end before a beginning in the same millisecond: they follow each other.
    .flatMap(({ at, ms }) => [
      { at, step: 1 },
      { at: at + Math.max(0, Math.floor(ms) - 1), step: -1 },
    ])
    .sort((one, other) => one.at - other.at || one.step - other.step)
  let [now, most] = [0, 0]
  for (const { step } of moments) {
    now += step
    most = Math.max(most, now)
  }
  return most
}
