import { Redis } from 'ioredis'
import { sql } from 'kysely'
import { request } from 'undici'
import { countRuns } from '../src/db/status.ts'
import { createToken } from '../src/db/tokens.ts'
import { nowhere, post } from './ingest.ts'
import { install, type Stores } from './installation.ts'
import { note, type Row } from './report.ts'

/** LD6: so many calls wait; intake beside them, the looks that an operator takes, and what they cost the queue's store. */
export async function measureBacklog(stores: Stores, steps: number, seconds: number): Promise<Row[]> {
  const rate = 200
  const installation = await install({ stores, workers: 0, sandbox: nowhere })
  try {
    await post(installation.serve, installation.origin, rate, 3, 'warming')
    const empty = await post(installation.serve, installation.origin, rate, seconds, 'no backlog')
    const { db } = await installation.record()
    const storeBefore = await usedBytes(stores.redis.url)
    await sql`with made as (
        insert into callsift.runs (workflow, key, portal_id, priority, input)
        select 'call', 'bench-backlog-' || n, 'portal-' || n % 20, 0, '{"callId":"0"}'::jsonb from generate_series(1, ${steps}::int) n
        returning id, portal_id),
      calls as (
        insert into callsift.calls (portal_id, run_id, call_ref, source)
        select portal_id, id, 'bench-backlog-' || id, 'event' from made)
      insert into callsift.steps (run_id, generation, name, index, queue, portal_id, family, priority)
      select id, 1, 'locateRecording', 0, 'locate', portal_id, 'portal', 0 from made`.execute(db)
    await sql`analyze callsift.runs, callsift.steps, callsift.calls`.execute(db)
    const beside = await post(installation.serve, installation.origin, rate, seconds, `${steps} waiting`)
    const startedAt = performance.now()
    await countRuns(db)
    const statusMs = performance.now() - startedAt
    const { token } = await createToken(db, 'bench')
    const listMs = await timeList(installation.origin, token)
    const waitingBytes = ((await usedBytes(stores.redis.url)) - storeBefore) / steps
    note(`counting the runs of ${steps} took ${statusMs.toFixed(0)} ms`)
    return [
      {
        figure: `LD6 backlog ${steps}: ingest p99 at ${rate}/s`,
        value: beside.p99Ms,
        unit: 'ms',
        ceiling: empty.p99Ms,
        promise: '≤ 2 × empty',
        met: beside.p99Ms <= 2 * empty.p99Ms,
      },
      {
        figure: `LD6 backlog ${steps}: list of calls, 50`,
        value: listMs,
        unit: 'ms',
        ceiling: null,
        promise: '< 500',
        met: listMs < 500,
      },
      {
        figure: `LD6 backlog ${steps}: queue's memory a waiting call`,
        value: waitingBytes,
        unit: 'B',
        ceiling: null,
        promise: '≤ 1,500',
        met: waitingBytes <= 1_500,
      },
      {
        figure: `LD6 backlog ${steps}: counting runs`,
        value: statusMs,
        unit: 'ms',
        ceiling: null,
        promise: null,
        met: null,
      },
    ]
  } finally {
    await installation.stop()
  }
}

async function usedBytes(redisUrl: string): Promise<number> {
  const client = new Redis(redisUrl)
  try {
    return Number(/used_memory:(\d+)/.exec(await client.info('memory'))?.[1])
  } finally {
    client.disconnect()
  }
}

/** The middle of five. */
async function timeList(origin: string, token: string): Promise<number> {
  const times: number[] = []
  for (let n = 0; n < 5; n += 1) {
    const startedAt = performance.now()
    const answer = await request(`${origin}/api/v1/calls?limit=50`, { headers: { authorization: `Bearer ${token}` } })
    if (answer.statusCode !== 200) throw new Error(`the list was answered with ${answer.statusCode}`)
    await answer.body.dump()
    times.push(performance.now() - startedAt)
  }
  return times.toSorted((a, b) => a - b)[2] ?? Number.NaN
}
