import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Database } from '../../src/db/connect.ts'
import {
  checkQueueMemory,
  createDispatcher,
  type Dispatcher,
  type DispatchWindows,
  freeLostJobs,
} from '../../src/engine/dispatch.ts'
import { createGates } from '../../src/engine/gates.ts'
import { createQueues, type Queues, type StepJob } from '../../src/engine/queues.ts'
import { addPortal, emptyRecord, openRecord, silentLog, startRun } from '../support/engine-bench.ts'
import { testRegistry } from '../support/engine-workflows.ts'
import { forgetPrefix, startRedis } from '../support/redis.ts'
import { createClosers, sharedRedis } from '../support/stores.ts'

const registry = testRegistry()
const bench = await openRecord('postgres', 'dispatch on Postgres')
const redisUrl = await sharedRedis('dispatch on Redis')
const windows: DispatchWindows = { crm: 4, portal: 4, ai: 6, none: 8 }

describe.skipIf(bench === undefined || redisUrl === undefined)('dispatch, on Postgres and Redis', () => {
  const db = bench?.db as Database
  const { add: later, closeAll } = createClosers()
  let queues: Queues
  let prefix: string
  let pass: () => Promise<number>
  beforeEach(async () => {
    await emptyRecord(db)
    prefix = `d${randomBytes(6).toString('hex')}`
    queues = await openQueues()
    later(() => forgetPrefix(redisUrl ?? '', prefix))
    const dispatcher = newDispatcher(db, queues)
    pass = () => dispatcher.pass()
  })
  afterEach(closeAll)
  afterAll(() => bench?.close())

  async function openQueues(): Promise<Queues> {
    const opened = await createQueues({ redisUrl: redisUrl ?? '', prefix, log: silentLog })
    later(() => opened.close())
    return opened
  }
  function newDispatcher(over: Database, into: Queues): Dispatcher {
    const dispatcher = createDispatcher({
      db: over,
      queues: into,
      windows,
      queueNames: registry.queues,
      tickMs: 3_600_000,
      log: silentLog,
    })
    later(() => dispatcher.close())
    return dispatcher
  }
  async function flying(family = 'crm'): Promise<{ portal: string; count: number }[]> {
    const { rows } = await sql<{ portal: string; count: number }>`
      select portal_id as portal, count(*)::int as count from callsift.steps
      where state in ('dispatched', 'running') and family = ${family} group by 1 order by 1`.execute(db)
    return rows
  }
  /** Ends so many of the steps in flight, the oldest first. */
  async function end(count: number): Promise<string[]> {
    const { rows } = await sql<{ portal_id: string }>`
      update callsift.steps set state = 'done' where id in (
        select id from callsift.steps where state = 'dispatched' order by dispatched_at, id limit ${count})
      returning portal_id`.execute(db)
    return rows.map((row) => row.portal_id)
  }
  async function many(workflow: string, count: number, more: { portalId?: string; priority?: number } = {}) {
    for (let n = 0; n < count; n += 1) await startRun(db, registry, workflow, {}, more)
  }

  it('fills the window of each portal and family, and what is in the queue is what the rows say', async () => {
    await addPortal(db, 'p2', 'k1')
    await many('lone', 12)
    await many('lone', 3, { portalId: 'p2' })
    await many('free', 10)
    await many('paid', 10)
    expect(await pass()).toBe(4 + 3 + 8 + 6)
    expect(await flying()).toEqual([
      { portal: 'p1', count: 4 },
      { portal: 'p2', count: 3 },
    ])
    expect(await queues.counts('solo')).toEqual({ waiting: 7, active: 0 })
    expect(await queues.counts('ask')).toEqual({ waiting: 6, active: 0 })
    expect(await pass()).toBe(0)
    await end(5)
    expect(await pass()).toBeGreaterThan(0)
    expect((await flying())[0]).toEqual({ portal: 'p1', count: 4 })
  })

  it('does not let a portal with a thousand waiting steps starve one with a single step, on one key', async () => {
    await addPortal(db, 'a-first', 'shared')
    await addPortal(db, 'b-last', 'shared')
    await startRun(db, registry, 'paid', {}, { portalId: 'a-first', key: 'seed' })
    await sql`insert into callsift.steps (run_id, generation, name, index, queue, portal_id, family)
      select id, 1, 'ask', n, 'ask', portal_id, 'ai' from callsift.runs, generate_series(1, 1000) n`.execute(db)
    expect(await pass()).toBe(6)
    await startRun(db, registry, 'paid', {}, { portalId: 'b-last' })
    await end(1)
    // Another process, which remembers no turns: what is in flight tells them.
    expect(await newDispatcher(db, queues).pass()).toBe(1)
    expect(await flying('ai')).toEqual([
      { portal: 'a-first', count: 5 },
      { portal: 'b-last', count: 1 },
    ])
  })

  it('takes live calls before batches, also when the batch has waited longer', async () => {
    await many('lone', 6, { priority: 20 })
    await many('lone', 2, { priority: 0 })
    expect(await pass()).toBe(4)
    const { rows } = await sql<{ priority: number }>`
      select priority from callsift.steps where state = 'dispatched' order by priority`.execute(db)
    expect(rows.map((row) => row.priority)).toEqual([0, 0, 20, 20])
  })

  it('dispatches nothing behind a closed gate, only what is behind it, and all of it when it opens', async () => {
    const gates = createGates({ db, looseDb: db }, { perMinute: 300, perSecond: 10 })
    await many('lone', 2)
    await many('paid', 2)
    await gates.close('k1', 'ai', { forMs: null, class: 'no_balance', message: 'm', hint: 'h' })
    expect(await pass()).toBe(2)
    expect(await flying('ai')).toEqual([])
    await gates.close('k1', 'key', { forMs: 60_000, class: 'rate_limited', message: 'm', hint: 'h' })
    await many('lone', 2)
    expect(await pass()).toBe(0)
    await gates.open('k1', 'key')
    expect(await pass()).toBe(2)
    await gates.open('k1', 'ai')
    expect(await pass()).toBe(2)
    // A model's gate holds only what came back from it.
    await many('paid', 2)
    await sql`update callsift.steps set blocked_by = 'ai:model' where state = 'ready' and id % 2 = 0`.execute(db)
    await gates.close('k1', 'ai:model', { forMs: null, class: 'no_balance', message: 'm', hint: 'h' })
    expect(await pass()).toBe(1)
    await gates.open('k1', 'ai:model')
    expect(await pass()).toBe(1)
  })

  it('leaves what is not due yet alone', async () => {
    await many('lone', 2)
    await sql`update callsift.steps set due_at = now() + interval '1 hour' where id % 2 = 0`.execute(db)
    expect(await pass()).toBe(1)
  })

  it('never exceeds a window and dispatches nothing twice with five dispatchers at once', async () => {
    await many('lone', 60)
    const dispatchers = [0, 1, 2, 3, 4].map(async () =>
      newDispatcher((await bench?.connect())?.db ?? db, await openQueues()),
    )
    const all = await Promise.all(dispatchers)
    let moved = 0
    while (moved < 60) {
      const counts = await Promise.all(all.map((one) => one.pass()))
      moved += counts.reduce((sum, count) => sum + count, 0)
      const [portal] = await flying()
      expect(portal?.count).toBeLessThanOrEqual(windows.crm)
      expect(portal?.count ?? 0).toBeGreaterThan(0)
      await end(3)
    }
    expect(moved).toBe(60)
    const { rows } = await sql<{ most: number }>`select max(dispatch_no)::int as most from callsift.steps`.execute(db)
    expect(rows[0]?.most).toBe(1)
  })

  it('makes steps ready again when the queue does not take them, also those of the other queues that could be added', async () => {
    await many('lone', 2)
    await many('free', 2)
    const server = await startRedis({ own: true })
    later(() => server.stop())
    if (server.kill === undefined || server.restart === undefined) return
    const own = await createQueues({ redisUrl: server.url, prefix, log: silentLog, timings: { answerMs: 500 } })
    later(() => own.close())
    const dispatcher = newDispatcher(db, own)
    await server.kill()
    await expect(dispatcher.pass()).rejects.toThrow()
    const states = async () =>
      (await sql<{ state: string }>`select state from callsift.steps`.execute(db)).rows.map((row) => row.state)
    expect(await states()).toEqual(Array(4).fill('ready'))
    await server.restart()
    for (let moved = 0; moved === 0; ) moved = await dispatcher.pass().catch(() => 0)
    expect(await states()).toEqual(Array(4).fill('dispatched'))
  })

  it('dispatches again what the queue lost: a job that is gone, and all of them at once when its memory is', async () => {
    await checkQueueMemory(db, queues)
    await many('lone', 4)
    await pass()
    const rows = await db.selectFrom('callsift.steps').select(['id', 'dispatch_no']).orderBy('id').execute()
    const jobs: StepJob[] = rows.map((row) => ({ stepId: row.id, dispatchNo: row.dispatch_no }))
    expect(await freeLostJobs(db, queues, 0)).toBe(0)
    const [gone] = jobs
    const redis = new Redis(redisUrl ?? '')
    later(() => redis.disconnect())
    await redis.del(`${prefix}:solo:${gone?.stepId}-1`)
    expect(await freeLostJobs(db, queues, 60_000)).toBe(0)
    expect(await freeLostJobs(db, queues, 0)).toBe(1)
    expect(await pass()).toBe(1)
    expect(await checkQueueMemory(db, queues)).toEqual({ lost: false, redispatched: 0 })

    await forgetPrefix(redisUrl ?? '', prefix)
    expect(await checkQueueMemory(db, queues)).toEqual({ lost: true, redispatched: 4 })
    expect(await pass()).toBe(4)
    expect(await checkQueueMemory(db, queues)).toEqual({ lost: false, redispatched: 0 })
    const after = await db.selectFrom('callsift.steps').select('dispatch_no').orderBy('id').execute()
    expect(after.map((row) => row.dispatch_no)).toEqual([3, 2, 2, 2])
  })

  it('frees a lost job also when a thousand others that are not lost are older', async () => {
    const runId = await startRun(db, registry, 'lone', {})
    await sql`insert into callsift.steps (run_id, generation, name, index, queue, portal_id, family, state, dispatch_no, dispatched_at)
      select ${runId}, 1, 'solo', n, 'solo', 'p1', 'crm', 'dispatched', 1, now() - interval '1 hour' from generate_series(1, 1200) n`.execute(
      db,
    )
    const rows = await db.selectFrom('callsift.steps').select('id').where('index', '>', 0).orderBy('id').execute()
    const jobs = rows.map((row) => ({ stepId: row.id, dispatchNo: 1 }))
    await queues.add('solo', jobs.slice(0, -1))
    expect(await freeLostJobs(db, queues, 1_000)).toBe(1)
  })
})
