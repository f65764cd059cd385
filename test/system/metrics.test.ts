import { readFileSync } from 'node:fs'
import { sql } from 'kysely'
import { afterEach, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { isQueueStuck } from '../../src/db/metrics.ts'
import { watchLoop } from '../../src/http/loop-watch.ts'
import { createHttpServer } from '../../src/http/server.ts'
import { createWorkerServer } from '../../src/http/worker-server.ts'
import { openRecord, startRun } from '../support/engine-bench.ts'
import { testRegistry } from '../support/engine-workflows.ts'
import { callEnd, startHttpApp } from '../support/http-app.ts'
import { startProgram } from '../support/program.ts'
import { createClosers } from '../support/stores.ts'

const closers = createClosers()
afterEach(() => closers.closeAll())

/** Sample lines as `name{labels}` to value. */
function readSamples(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  )
}

const namesIn = (text: string) => [...new Set(text.match(/callsift_[a-z0-9_]+/g) ?? [])]

const Rules = z.strictObject({
  groups: z.array(
    z.strictObject({
      name: z.string(),
      rules: z.array(
        z.strictObject({
          alert: z.string().regex(/^Callsift[A-Z]/),
          expr: z.string().includes('callsift_'),
          for: z.string().regex(/^\d+m$/),
          labels: z.strictObject({ severity: z.enum(['page', 'ticket']) }),
          annotations: z.strictObject({ summary: z.string().min(20), mend: z.string().min(20) }),
        }),
      ),
    }),
  ),
})
const Dashboard = z.looseObject({
  panels: z.array(
    z.looseObject({
      id: z.number(),
      title: z.string(),
      targets: z.array(z.looseObject({ expr: z.string().includes('callsift_') })).min(1),
    }),
  ),
})
const deployed = (path: string) => readFileSync(new URL(`../../deploy/${path}`, import.meta.url), 'utf8')

test('rules and dashboard are well-formed: every rule has its mend, every panel asks for something', () => {
  const { groups } = Rules.parse(parse(deployed('prometheus/alerts.yml')))
  const names = groups.flatMap((group) => group.rules.map((rule) => rule.alert))
  expect(new Set(names).size).toBe(names.length)
  const { panels } = Dashboard.parse(JSON.parse(deployed('grafana/callsift.json')))
  expect(new Set(panels.map((panel) => panel.id)).size).toBe(panels.length)
  const balanced = (text: string, open: string, close: string) => text.split(open).length === text.split(close).length
  const exprs = [...groups.flatMap((group) => group.rules), ...panels.flatMap((panel) => panel.targets)].map(
    (one) => one.expr,
  )
  for (const expr of exprs) expect([expr, balanced(expr, '(', ')') && balanced(expr, '{', '}')]).toEqual([expr, true])
})

describe('a scrape', () => {
  test('counts what happened to a call, names nobody, and has every series of the dashboard and the alerts', async () => {
    const program = await startProgram()
    closers.add(() => program.close())
    const { app, sandbox } = program
    const server = await createHttpServer(app, { host: '127.0.0.1', port: 0 })
    closers.add(() => server.close())
    const scrape = async () => await (await fetch(`${server.url}/metrics`)).text()
    sandbox.addFault({ route: 'chat', portal: 'acme', kind: 'status', status: 429, retryAfter: 1, times: 1 })
    const ring = await sandbox.addCall({ portal: 'acme', entity: 'deal', sendEvent: false })
    const post = async (form: string) =>
      await fetch(`${server.url}/webhooks/bitrix24`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: form,
      })
    expect((await post(ring.eventForm)).status).toBe(200)
    expect((await post(ring.eventForm)).status).toBe(200)
    // A real portal's event at a sandbox.
    expect((await post(callEnd())).status).toBe(503)
    await program.until(async () => sandbox.effects(0, 'timeline-log').length === 1)
    await program.until(async () =>
      /callsift_attempts_total\{step="writeTimeline",outcome="value"\} 1/.test(await scrape()),
    )

    const text = await scrape()
    const samples = readSamples(text)
    expect(samples.get('callsift_deliveries_total{source="event",outcome="accepted"}')).toBe(1)
    expect(samples.get('callsift_deliveries_total{source="event",outcome="duplicate"}')).toBe(1)
    expect(samples.get('callsift_deliveries_total{source="event",outcome="sandbox"}')).toBe(1)
    expect(samples.get('callsift_webhook_seconds_count{source="event"}')).toBe(3)
    expect(samples.get('callsift_entries_total{how="written"}')).toBe(1)
    expect(samples.get('callsift_attempts_total{step="classifyLead",outcome="later"}')).toBe(1)
    expect(samples.get('callsift_upstream_request_seconds_count{family="ai",status="429"}')).toBe(1)
    for (const phase of ['wait', 'run', 'store'])
      expect(samples.get(`callsift_step_seconds_count{step="transcribePart",phase="${phase}"}`)).toBe(1)
    const sent = [...samples].filter(([name]) => name.startsWith('callsift_upstream_request_seconds_count'))
    const known = sandbox.requests().filter((request) => request.portal === 'acme').length
    expect(sent.reduce((sum, [, count]) => sum + count, 0)).toBe(known)
    for (const up of ['record_up', 'queue_up']) expect(samples.get(`callsift_${up}`)).toBe(1)
    expect(samples.get('callsift_queue_stuck')).toBe(0)
    expect(samples.get(`callsift_workers{version="${app.version}"}`)).toBe(1)

    const digits = (ring.phone ?? '').replace(/\D/g, '')
    // In names, labels and help; among the digits of a measured value (0.0000101) a phone's could stand by chance, so those are held whole.
    const withoutValues = text.replace(/^(\w.*) \S+$/gm, '$1')
    for (const secret of ['acme', ring.callId, String(ring.dealId), digits.slice(-7)].filter((one) => one.length > 3)) {
      expect(withoutValues).not.toContain(secret)
      expect([...samples.values()].map(String)).not.toContain(secret)
    }

    // Series of a histogram stand under three names; those with a label value of another moment (a parked cause) by their HELP line.
    const standing = new Set([
      ...namesIn([...samples.keys()].join('\n')),
      ...namesIn(text.match(/^# TYPE .*$/gm)?.join('\n') ?? ''),
    ])
    for (const file of ['grafana/callsift.json', 'prometheus/alerts.yml']) {
      const named = namesIn(deployed(file))
      expect(named.length).toBeGreaterThan(8)
      expect(named.filter((name) => !standing.has(name))).toEqual([])
    }
  })

  test('shows backlog, closed gates, parked steps, and that the record is away', async () => {
    const http = await startHttpApp()
    closers.add(() => http.close())
    await http.addPortal()
    const { db } = http.app
    const { key_id: keyId } = await db.selectFrom('callsift.portals').select('key_id').executeTakeFirstOrThrow()
    // Behind it nothing is dispatched, so that what is counted stands still.
    await http.app.gates.close(keyId, 'key', { forMs: null, class: 'insufficient_balance', message: 'm', hint: 'h' })
    for (const id of ['71', '72'])
      expect((await http.post('/webhooks/bitrix24', callEnd({ CALL_ID: id, CRM_ACTIVITY_ID: id }))).status).toBe(200)
    await sql`update callsift.steps set due_at = clock_timestamp() - interval '100 seconds'
      where id = (select min(id) from callsift.steps)`.execute(db)
    await sql`update callsift.steps set state = 'parked', class = 'no_entity' where id = (select max(id) from callsift.steps)`.execute(
      db,
    )
    const samples = readSamples((await http.get('/metrics')).text)
    expect(samples.get('callsift_steps_ready{queue="locate",standing="due"}')).toBe(1)
    expect(samples.get('callsift_steps_parked{class="no_entity"}')).toBe(1)
    expect(samples.get('callsift_oldest_due_seconds')).toBeGreaterThan(99)
    expect(samples.get('callsift_gates_closed{name="key",class="insufficient_balance",person="true"}')).toBe(1)
    expect(samples.get('callsift_runs{state="running"}')).toBe(2)
    expect(samples.get(`callsift_workers{version="${http.app.version}"}`)).toBe(0)
    await http.app.connection.close()
    await expect
      .poll(async () => readSamples((await http.get('/metrics')).text).get('callsift_record_up'), { timeout: 10_000 })
      .toBe(0)
  })

  test('is open to this machine, and elsewhere to a token, by Bearer or Basic; a worker answers its own', async () => {
    const http = await startHttpApp()
    closers.add(() => http.close())
    const { token } = (await http.operate('token.create', { name: 'prometheus' })).answer
    const from = (authorization?: string) =>
      http.get('/metrics', { host: 'callsift.example', ...(authorization === undefined ? {} : { authorization }) })
    expect((await http.get('/metrics')).status).toBe(200)
    expect((await from()).status).toBe(401)
    expect((await from('Bearer callsift_wrong')).status).toBe(401)
    expect((await from(`Bearer ${token}`)).status).toBe(200)
    expect((await from(`Basic ${Buffer.from(`any:${token}`).toString('base64')}`)).status).toBe(200)

    const worker = await createWorkerServer(http.app, { host: '127.0.0.1', port: 0 })
    closers.add(() => worker.close())
    expect(readSamples(await (await fetch(`${worker.url}/metrics`)).text()).get('callsift_record_up')).toBe(1)
    expect((await fetch(`${worker.url}/livez`)).status).toBe(200)
    expect((await fetch(`${worker.url}/readyz`)).status).toBe(503)
    expect((await fetch(`${worker.url}/`)).status).toBe(404)
  })
})

describe('health', () => {
  test('is not alive when the event loop turns late again and again, and is again when it recovers', async () => {
    let lateness = 0
    const watch = watchLoop(() => performance.now() + lateness)
    closers.add(() => watch.stop())
    expect(watch.stalled()).toBe(false)
    // The clock jumps ahead of the timer between looks, as it does for a loop that was blocked.
    const jumping = setInterval(() => {
      lateness += 1_200
    }, 300)
    closers.add(() => clearInterval(jumping))
    await expect.poll(() => watch.stalled(), { timeout: 10_000 }).toBe(true)
    clearInterval(jumping)
    await expect.poll(() => watch.stalled(), { timeout: 10_000 }).toBe(false)
  })

  test('is not ready while steps are due and a worker of their queue has nothing to do', async () => {
    const bench = await openRecord('pglite', 'a stuck queue')
    if (bench === undefined) throw new Error('the embedded record is always there')
    closers.add(() => bench.close())
    const { db } = bench
    const limits = { workerTtlMs: 10_000, stuckMs: 30_000 }
    const stuck = () => isQueueStuck(db, limits)
    const runId = await startRun(db, testRegistry(), 'lone', {})
    const other = await startRun(db, testRegistry(), 'lone', {})
    const age = async (run: string, state: string) => {
      await sql`update callsift.steps set state = ${state}, due_at = clock_timestamp() - interval '40 seconds',
        dispatched_at = clock_timestamp() - interval '40 seconds' where run_id = ${run}`.execute(db)
    }
    await age(runId, 'ready')
    expect(await stuck()).toBe(false)
    await sql`insert into callsift.workers (id, host, pid, queues, version, started_at)
      values ('idle', 'h', 1, 'solo,judge', 'test', now() - interval '1 hour')`.execute(db)
    expect(await stuck()).toBe(true)
    await age(runId, 'dispatched')
    expect(await stuck()).toBe(true)
    // Another of the same portal and family runs: the window may be full.
    await age(other, 'running')
    await sql`update callsift.steps set worker_id = 'busy' where run_id = ${other}`.execute(db)
    expect(await stuck()).toBe(false)
    await age(other, 'done')
    // Its worker serves other queues.
    await sql`update callsift.workers set queues = 'judge'`.execute(db)
    expect(await stuck()).toBe(false)
    await sql`update callsift.workers set queues = 'solo'`.execute(db)
    expect(await stuck()).toBe(true)
    // A closed gate explains it.
    await sql`insert into callsift.gates (key_id, name, closed_until) values ('k1', 'crm', 'infinity')`.execute(db)
    expect(await stuck()).toBe(false)
    await sql`delete from callsift.gates`.execute(db)
    // A worker that has just come has had no time yet.
    await sql`update callsift.workers set started_at = now()`.execute(db)
    expect(await stuck()).toBe(false)
  })

  test('says so at /readyz', async () => {
    const http = await startHttpApp({ environment: { CALLSIFT_TIMINGS: '{"stuckMs":50}' } })
    closers.add(() => http.close())
    await http.addPortal()
    await http.post('/webhooks/bitrix24', callEnd())
    const { db } = http.app
    await sql`insert into callsift.workers (id, host, pid, queues, version, started_at)
      values ('idle', 'h', 1, 'locate', 'test', now() - interval '1 hour')`.execute(db)
    await expect
      .poll(async () => JSON.parse((await http.get('/readyz')).text) as unknown)
      .toEqual({ ready: false, record: true, queue: true, safe: true, workers: 1, stuck: true })
    await sql`delete from callsift.steps`.execute(db)
    expect(JSON.parse((await http.get('/readyz')).text)).toMatchObject({ ready: true, stuck: false })
  })
})
