import { randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { openDatabase } from '../../src/db/connect.ts'
import { startLine } from '../faults/harness/line.ts'
import { eventually, openRecord, type RecordBench, readRun, silentLog, startRun } from '../support/engine-bench.ts'
import { startEngine } from '../support/engine-process.ts'
import { testRegistry } from '../support/engine-workflows.ts'
import { forgetPrefix } from '../support/redis.ts'
import { createClosers, sharedRedis } from '../support/stores.ts'

const registry = testRegistry()
const redisUrl = await sharedRedis('a worker whose record is away')
const bench = redisUrl === undefined ? undefined : await openRecord('postgres', 'a worker whose record is away')

describe.skipIf(bench === undefined)('a worker whose record is away', () => {
  const closers = createClosers()
  afterEach(() => closers.closeAll())
  afterAll(() => bench?.close())

  it('F33: holds the jobs that reach it, and begins them when the record is back, not when they count as lost', async () => {
    const { db, url, connect } = bench as RecordBench
    const redis = { url: redisUrl ?? '', prefix: `e${randomBytes(6).toString('hex')}` }
    closers.add(() => forgetPrefix(redis.url, redis.prefix))
    const line = await startLine(Number(new URL(url).port), () => 0.5)
    closers.add(() => line.close())
    const through = new URL(url)
    through.host = `127.0.0.1:${line.port}`
    const cutOff = await openDatabase({ databaseUrl: through.href }, silentLog)
    closers.add(() => cutOff.close())
    // Whatever finds lost jobs or dead workers has no time to help.
    const timings = { lostJobMs: 120_000, workerTtlMs: 120_000 }
    const worker = await startEngine({ connection: cutOff, redis, timings, act: (step) => step, concurrency: 8 })
    closers.add(() => worker.engine.close(0))
    const other = await startEngine({ connection: await connect(), redis, timings, act: (step) => step, idle: true })
    closers.add(() => other.engine.close(0))

    line.set({ down: true })
    const runs = await Promise.all(Array.from({ length: 6 }, () => startRun(db, registry, 'lone', {})))
    other.engine.kick()
    const states = async () =>
      (await sql<{ state: string }>`select distinct state from callsift.steps`.execute(db)).rows.map((row) => row.state)
    await eventually(async () => (await states()).join() === 'dispatched')
    // Each of them has reached the worker: none waits in the queue any more.
    await eventually(async () => {
      const counts = await Promise.all(registry.queues.map((queue) => other.queues.counts(queue)))
      return counts.every(({ waiting }) => waiting === 0)
    })
    line.heal()
    await Promise.all(runs.map((runId) => eventually(async () => (await readRun(db, runId)).state === 'done')))
    const { rows } = await sql<{ dispatch_no: number; crashes: number }>`
      select distinct dispatch_no, crashes from callsift.steps`.execute(db)
    expect(rows).toEqual([{ dispatch_no: 1, crashes: 0 }])
  }, 60_000)
})
