import { fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import pg from 'pg'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createPglitePool } from '../../src/db/pglite-pool.ts'
import {
  checkRedisPolicy,
  createQueues,
  type Queues,
  type QueuesOptions,
  type StepJob,
} from '../../src/engine/queues.ts'
import { createLog } from '../../src/log.ts'
import { startPostgres } from '../support/postgres.ts'
import { configureRedis, forgetPrefix, startRedis } from '../support/redis.ts'
import { createClosers, freshDatabase, sharedRedis } from '../support/stores.ts'

type Kind = Queues['kind']
const timings = { lockMs: 1_000, stalledCheckMs: 300 }
const log = createLog('silent')
const redisUrl = await sharedRedis('queue contract on Redis')
const database = await freshDatabase('queue contract on Postgres')
const { add: later, closeAll } = createClosers()
afterEach(closeAll)

/** Waits for a condition; the bound is for a machine that is busy, not for the thing waited for. */
function eventually(condition: () => boolean | Promise<boolean>): Promise<unknown> {
  return vi.waitUntil(condition, { timeout: 30_000, interval: 20 })
}

interface Bench {
  readonly queues: Queues
  readonly address: string
  readonly prefix: string
  /** Takes the store's memory away, as a Redis without its disk or a dropped schema would. */
  forget(): Promise<void>
}

async function open(kind: Kind, at: { address?: string } = {}): Promise<Bench> {
  const prefix = `t${randomBytes(6).toString('hex')}`
  const start = async (options: QueuesOptions) => {
    const queues = await createQueues(options)
    later(() => queues.close())
    return queues
  }
  if (kind === 'redis') {
    const address = redisUrl ?? ''
    later(() => forgetPrefix(address, prefix))
    return {
      queues: await start({ redisUrl: address, prefix, log, timings }),
      address,
      prefix,
      forget: () => forgetPrefix(address, prefix),
    }
  }
  if (kind === 'postgres') {
    const address = database?.url ?? ''
    const pool = new pg.Pool({ connectionString: address, max: 4 })
    later(() => pool.end())
    // One database serves the file: what an earlier test left in the queue must not reach the next.
    await dropSchema(pool)
    const queues = await start({ kind, pool, log, timings })
    return { queues, address, prefix, forget: () => dropSchema(pool) }
  }
  const pglite = at.address === undefined ? await PGlite.create() : await PGlite.create(at.address)
  later(() => pglite.close())
  const pool = createPglitePool(pglite)
  const queues = await start({ kind, pool, log, timings })
  return {
    queues,
    address: at.address ?? '',
    prefix,
    forget: () => dropSchema(pool),
  }
}

/** A worker that writes down what it takes; `hold` makes it wait before it ends a job. */
function recorder() {
  const taken: StepJob[] = []
  let gate: Promise<void> = Promise.resolve()
  let release = () => {}
  return {
    taken,
    ids: () => taken.map((job) => `${job.stepId}-${job.dispatchNo}`),
    hold() {
      const held = Promise.withResolvers<void>()
      gate = held.promise
      release = held.resolve
    },
    release: () => release(),
    handle: async (job: StepJob) => {
      taken.push(job)
      await gate
    },
  }
}

/** A worker's statement under way and the DROP may wait for each other; Postgres then refuses one of the two, and it is tried again. */
async function dropSchema(pool: { query(text: string): Promise<unknown> }): Promise<void> {
  for (;;) {
    try {
      await pool.query('DROP SCHEMA IF EXISTS bullmq CASCADE')
      return
    } catch (error) {
      if (!(error instanceof pg.DatabaseError && error.code === '40P01')) throw error
    }
  }
}

async function answers(queues: Queues): Promise<boolean> {
  try {
    await queues.ping()
    return true
  } catch {
    return false
  }
}

function percentile(values: readonly number[], share: number): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length * share)] ?? Number.NaN
}

const kinds: readonly { kind: Kind; missing: boolean }[] = [
  { kind: 'redis', missing: redisUrl === undefined },
  { kind: 'postgres', missing: database === undefined },
  { kind: 'pglite', missing: false },
]

for (const { kind, missing } of kinds) {
  describe.skipIf(missing)(`queues on ${kind}`, () => {
    test('an idle worker takes a new job within milliseconds, not at its next look', async () => {
      const { queues } = await open(kind)
      let arrived: (job: StepJob) => void = () => {}
      await queues.work('steps', 2, async (job) => arrived(job))
      const waits: number[] = []
      for (let index = 0; index < 31; index += 1) {
        const { promise, resolve } = Promise.withResolvers<StepJob>()
        arrived = resolve
        const startedAt = performance.now()
        await queues.add('steps', [{ stepId: `step${index}`, dispatchNo: 1 }])
        expect(await promise).toEqual({ stepId: `step${index}`, dispatchNo: 1 })
        waits.push(performance.now() - startedAt)
      }
      // The next look would come after 5 s; the bounds leave room for a machine that is busy with other tests.
      expect(percentile(waits, 0.5)).toBeLessThan(100)
      expect(percentile(waits, 1 - 1 / waits.length)).toBeLessThan(2_000)
    })

    test('a job is there once however often it is added, and gone when it has run', async () => {
      const { queues } = await open(kind)
      const job = { stepId: 'step', dispatchNo: 3 }
      await queues.add('steps', [job, { stepId: 'other', dispatchNo: 1 }, job])
      await queues.add('steps', [job])
      expect(await queues.counts('steps')).toEqual({ waiting: 2, active: 0 })
      expect(await queues.has('steps', [{ ...job, dispatchNo: 2 }, job, { ...job, dispatchNo: 4 }])).toEqual([
        false,
        true,
        false,
      ])

      const seen = recorder()
      seen.hold()
      await queues.work('steps', 1, seen.handle)
      await eventually(() => seen.taken.length === 1)
      expect(await queues.counts('steps')).toEqual({ waiting: 1, active: 1 })
      await queues.add('steps', [job])
      expect(await queues.has('steps', [job])).toEqual([true])
      seen.release()
      await eventually(
        async () => !(await queues.has('steps', [job, { stepId: 'other', dispatchNo: 1 }])).includes(true),
      )
      expect(seen.ids().toSorted()).toEqual(['other-1', 'step-3'])
      expect(await queues.counts('steps')).toEqual({ waiting: 0, active: 0 })

      // It has ended, so the same id is a new job: the step row, not the queue, knows that it was done.
      await queues.add('steps', [job])
      await eventually(() => seen.taken.length === 3)
    })

    test('a job whose worker process was killed is handed to another', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'callsift-queue-'))
      later(() => rmSync(folder, { recursive: true, force: true }))
      const bench = kind === 'pglite' ? undefined : await open(kind)
      const orphan = { stepId: 'orphan', dispatchNo: 1 }
      await bench?.queues.add('steps', [orphan])
      const script = join(import.meta.dirname, '../support/queue-process.ts')
      const child = fork(script, [kind, bench?.address ?? folder, bench?.prefix ?? ''], {
        execArgv: ['--import', 'tsx'],
      })
      const exited = new Promise((resolve) => child.once('exit', resolve))
      later(() => child.kill('SIGKILL'))
      expect(await new Promise((resolve) => child.once('message', resolve))).toEqual(orphan)
      child.kill('SIGKILL')
      await exited

      const { queues } = bench ?? (await open(kind, { address: folder }))
      expect(await queues.has('steps', [orphan])).toEqual([true])
      const seen = recorder()
      await queues.work('steps', 1, seen.handle)
      await eventually(() => seen.taken.length > 0)
      expect(seen.ids()).toEqual(['orphan-1'])
      await eventually(async () => !(await queues.has('steps', [orphan])).includes(true))
    })

    test('a store that lost its memory lost the epoch with it, and takes jobs again', async () => {
      const { queues, forget } = await open(kind)
      const seen = recorder()
      expect(await queues.readEpoch()).toBeNull()
      await queues.writeEpoch('first')
      expect(await queues.readEpoch()).toBe('first')
      await queues.add('parked', [{ stepId: 'forgotten', dispatchNo: 1 }])
      await queues.work('steps', 1, seen.handle)

      await forget()
      expect(await queues.readEpoch()).toBeNull()
      await queues.writeEpoch('second')
      expect(await queues.readEpoch()).toBe('second')
      expect(await queues.has('parked', [{ stepId: 'forgotten', dispatchNo: 1 }])).toEqual([false])
      await queues.add('steps', [{ stepId: 'after', dispatchNo: 1 }])
      await eventually(() => seen.taken.length === 1)
      expect(seen.ids()).toEqual(['after-1'])
    })

    test('the lower the priority number the sooner, and none before all', async () => {
      const { queues } = await open(kind)
      const seen = recorder()
      await queues.add('steps', [
        { stepId: 'batch', dispatchNo: 1, priority: 20 },
        { stepId: 'live', dispatchNo: 1, priority: 10 },
        { stepId: 'urgent', dispatchNo: 1 },
      ])
      expect(await queues.counts('steps')).toEqual({ waiting: 3, active: 0 })
      await queues.work('steps', 1, seen.handle)
      await eventually(() => seen.taken.length === 3)
      expect(seen.ids()).toEqual(['urgent-1', 'live-1', 'batch-1'])
    })

    test('a paused worker takes nothing more, and what it would have taken waits for another', async () => {
      const { queues } = await open(kind)
      const [first, second] = [recorder(), recorder()]
      const paused = await queues.work('steps', 4, first.handle)
      await paused.pause()
      const job = { stepId: 'step', dispatchNo: 1 }
      await queues.add('steps', [job])
      await queues.work('steps', 1, second.handle)
      await eventually(() => second.taken.length === 1)
      expect(first.taken).toEqual([])
    })

    test('close is quick for an idle worker and waits for a job under way', async () => {
      const { queues } = await open(kind)
      const seen = recorder()
      const idle = await queues.work('idle', 2, seen.handle)
      const startedAt = performance.now()
      await idle.close()
      expect(performance.now() - startedAt).toBeLessThan(1_000)

      seen.hold()
      const busy = await queues.work('busy', 1, seen.handle)
      const job = { stepId: 'step', dispatchNo: 1 }
      await queues.add('busy', [job])
      await eventually(() => seen.taken.length === 1)
      let closed = false
      const closing = busy.close().then(() => {
        closed = true
      })
      await queues.ping()
      expect(closed).toBe(false)
      seen.release()
      await closing
      expect(await queues.has('busy', [job])).toEqual([false])
    })

    test('a handler that throws ends its job and harms nobody', async () => {
      const { queues } = await open(kind)
      const ran: string[] = []
      await queues.work('steps', 1, async (job) => {
        ran.push(job.stepId)
        throw new Error('a fault of ours')
      })
      await queues.add('steps', [
        { stepId: 'one', dispatchNo: 1 },
        { stepId: 'two', dispatchNo: 1 },
      ])
      await eventually(
        async () =>
          (await queues.counts('steps')).waiting + (await queues.counts('steps')).active === 0 && ran.length === 2,
      )
      expect(ran).toEqual(['one', 'two'])
    })
  })
}

describe.skipIf(redisUrl === undefined)('queues when Redis goes away', () => {
  test('killed: add fails at once; back: the worker goes on by itself', async () => {
    const redis = await startRedis({ own: true })
    later(() => redis.stop())
    const queues = await createQueues({ redisUrl: redis.url, log, timings })
    later(() => queues.close())
    const seen = recorder()
    await queues.work('steps', 1, seen.handle)
    await queues.add('steps', [{ stepId: 'before', dispatchNo: 1 }])
    await eventually(() => seen.taken.length === 1)

    await redis.kill?.()
    const startedAt = performance.now()
    await expect(queues.add('steps', [{ stepId: 'lost', dispatchNo: 1 }])).rejects.toThrow()
    expect(performance.now() - startedAt).toBeLessThan(2_500)

    await redis.restart?.()
    await eventually(() => answers(queues))
    await queues.add('steps', [{ stepId: 'after', dispatchNo: 1 }])
    await eventually(() => seen.taken.length === 2)
    expect(seen.ids()).toEqual(['before-1', 'after-1'])
  })

  test('down at start: nothing crashes, work begins when it comes', async () => {
    const redis = await startRedis({ own: true })
    later(() => redis.stop())
    await redis.kill?.()
    const queues = await createQueues({ redisUrl: redis.url, log, timings: { ...timings, answerMs: 300 } })
    later(() => queues.close())
    const seen = recorder()
    await queues.work('steps', 1, seen.handle)
    await expect(queues.add('steps', [{ stepId: 'early', dispatchNo: 1 }])).rejects.toThrow('does not answer')
    await redis.restart?.()
    await eventually(() => answers(queues))
    await queues.add('steps', [{ stepId: 'first', dispatchNo: 1 }])
    await eventually(() => seen.taken.length === 1)
  })

  test('silent: add gives up after its time, and all goes on when it speaks again', async (context) => {
    const redis = await startRedis({ own: true })
    later(() => redis.stop())
    if (redis.pause === undefined) return context.skip('a given Redis is not ours to stop')
    const queues = await createQueues({ redisUrl: redis.url, log, timings: { ...timings, answerMs: 500 } })
    later(() => queues.close())
    const seen = recorder()
    await queues.work('steps', 1, seen.handle)
    const resume = await redis.pause()
    const startedAt = performance.now()
    await expect(queues.add('steps', [{ stepId: 'unheard', dispatchNo: 1 }])).rejects.toThrow('did not answer')
    await expect(queues.ping()).rejects.toThrow()
    expect(performance.now() - startedAt).toBeLessThan(2_500)
    await resume()
    await eventually(() => answers(queues))
    await queues.add('steps', [{ stepId: 'heard', dispatchNo: 1 }])
    await eventually(() => seen.ids().includes('heard-1'))
  })

  test('its settings are judged: noeviction and an append-only file, or a finding that says what to do', async () => {
    const redis = await startRedis({ own: true })
    later(() => redis.stop())
    expect(await checkRedisPolicy(redis.url)).toEqual([])
    await configureRedis(redis.url, 'maxmemory-policy', 'allkeys-lru')
    await configureRedis(redis.url, 'appendonly', 'no')
    const findings = await checkRedisPolicy(redis.url)
    expect(findings.map(({ rule, value, wanted }) => `${rule}: ${value}, not ${wanted}`)).toEqual([
      'maxmemory-policy: allkeys-lru, not noeviction',
      'appendonly: no, not yes',
    ])
    for (const finding of findings) expect(finding.mend).toContain('redis.conf')
    await expect(checkRedisPolicy('redis://127.0.0.1:1')).rejects.toThrow()
  })
})

describe.skipIf(database === undefined)('queues when Postgres goes away', () => {
  test('killed and back: the worker goes on by itself', async () => {
    const server = await startPostgres({ own: true })
    later(() => server.stop())
    const pool = new pg.Pool({ connectionString: server.url, connectionTimeoutMillis: 2_000 })
    pool.on('error', () => undefined)
    later(() => pool.end())
    const queues = await createQueues({ kind: 'postgres', pool, log, timings })
    later(() => queues.close())
    const seen = recorder()
    await queues.work('steps', 1, seen.handle)
    await queues.add('steps', [{ stepId: 'before', dispatchNo: 1 }])
    await eventually(() => seen.taken.length === 1)
    await server.kill?.()
    await expect(queues.add('steps', [{ stepId: 'lost', dispatchNo: 1 }])).rejects.toThrow()
    await server.restart?.()
    await queues.add('steps', [{ stepId: 'after', dispatchNo: 1 }])
    await eventually(() => seen.ids().includes('after-1'))
  })
})
