import { Queue, WaitingError, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import type { Log } from '../log.ts'
import {
  createErrorLog,
  maxEvents,
  type QueueStore,
  type QueueTimings,
  within,
  workerSettings,
} from './queues-store.ts'

/**
 * Redis as the queue's store: one connection for producers, one for all workers, and one a worker to block on (made by BullMQ). None of them
 * can hang for ever on a Redis that takes bytes and answers nothing: producers give up on a command, workers on a silent socket.
 */
export async function openRedisStore(options: {
  url: string
  prefix: string
  log: Log
  timings: QueueTimings
}): Promise<QueueStore> {
  const { url, prefix, log, timings } = options
  const complain = createErrorLog(log)
  const common = {
    connectTimeout: timings.answerMs,
    retryStrategy: (times: number) => Math.min(50 * 2 ** Math.min(times, 5), 1_000),
  }
  const producer = new Redis(url, {
    ...common,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    commandTimeout: timings.answerMs,
    socketTimeout: timings.answerMs * 2,
  })
  // BullMQ asks this of connections that block: a command waits through an outage, and the worker goes on by itself after it.
  const consumer = new Redis(url, { ...common, maxRetriesPerRequest: null, socketTimeout: 10_000 })
  producer.on('error', (error) => complain('redis, adding', error))
  consumer.on('error', (error) => complain('redis, working', error))
  // Every queue and every worker adds its listeners to the shared connections.
  producer.setMaxListeners(0)
  consumer.setMaxListeners(0)

  await within(
    timings.answerMs,
    new Promise<void>((resolve) => producer.once('ready', () => resolve())),
    'Redis',
  ).catch((error: unknown) => complain('redis, start', error))
  const epochKey = `${prefix}:epoch`

  return {
    kind: 'redis',
    assertAnswering() {
      if (producer.status !== 'ready') {
        throw new Error(
          `Redis does not answer (connection is ${producer.status}). Work goes on by itself when it is back; check REDIS_URL if it never was.`,
        )
      }
    },
    newQueue(name) {
      const queue = new Queue(name, { connection: producer, prefix, streams: { events: { maxLen: maxEvents } } })
      queue.on('error', (error) => complain(`queue ${name}`, error))
      return queue
    },
    newWorker(name, concurrency, processor) {
      const worker = new Worker(name, processor, {
        connection: consumer,
        prefix,
        ...workerSettings(concurrency, timings),
      })
      worker.on('error', (error) => complain(`worker ${name}`, error))
      return worker
    },
    putBackSignal: () => new WaitingError(),
    async present(name, jobIds) {
      // A job of ours is removed when it ends, so one that exists is waiting or taken.
      const pipeline = producer.pipeline()
      for (const jobId of jobIds) pipeline.exists(`${prefix}:${name}:${jobId}`)
      const answers = (await pipeline.exec()) ?? []
      const present = new Set<string>()
      for (const [index, [error, exists]] of answers.entries()) {
        if (error !== null) throw error
        const jobId = jobIds[index]
        if (exists === 1 && jobId !== undefined) present.add(jobId)
      }
      return present
    },
    readEpoch: () => producer.get(epochKey),
    async writeEpoch(epoch) {
      await producer.set(epochKey, epoch)
    },
    async ping() {
      await producer.ping()
    },
    async close() {
      // disconnect, not quit: quit waits for an answer that a Redis which is away will never give.
      producer.disconnect()
      consumer.disconnect()
    },
  }
}

export interface RedisFinding {
  /** The Redis setting, e.g. `maxmemory-policy`. */
  readonly rule: string
  readonly value: string
  readonly wanted: string
  readonly mend: string
}

/**
 * What in this Redis' settings would lose jobs: empty when nothing would. Reads INFO, which hosted Redis allows where CONFIG is closed.
 * The record survives either way; what is lost is the time until the dispatcher notices.
 */
export async function checkRedisPolicy(redisUrl: string, timeoutMs = 2_000): Promise<RedisFinding[]> {
  const redis = new Redis(redisUrl, {
    lazyConnect: true,
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  })
  // The failure of connect() carries the same error; without a listener it would end the process.
  redis.on('error', () => undefined)
  try {
    await redis.connect()
    const info = `${await redis.info('memory')}\n${await redis.info('persistence')}`
    const read = (field: string) => new RegExp(`^${field}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? 'unknown'
    const findings: RedisFinding[] = []
    const policy = read('maxmemory_policy')
    if (policy !== 'noeviction') {
      const mend =
        'Set `maxmemory-policy noeviction` in redis.conf (or CONFIG SET maxmemory-policy noeviction): another policy drops jobs when memory is short.'
      findings.push({ rule: 'maxmemory-policy', value: policy, wanted: 'noeviction', mend })
    }
    const appendOnly = read('aof_enabled')
    if (appendOnly !== '1') {
      const mend =
        'Set `appendonly yes` in redis.conf (or CONFIG SET appendonly yes): without it a restart empties the queue.'
      findings.push({ rule: 'appendonly', value: appendOnly === '0' ? 'no' : appendOnly, wanted: 'yes', mend })
    }
    return findings
  } finally {
    redis.disconnect()
  }
}
