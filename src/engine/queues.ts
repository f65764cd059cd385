import type { Pool } from 'pg'
import type { PglitePool } from '../db/pglite-pool.ts'
import type { Log } from '../log.ts'
import { openRedisStore } from './queues-redis.ts'
import { type BullQueue, defaultQueueTimings, type QueueStore, type QueueTimings, within } from './queues-store.ts'
import { superviseWorker } from './queues-worker.ts'

export { checkRedisPolicy } from './queues-redis.ts'

/** What travels through the queue: ids, nothing of what they stand for. */
export interface StepJob {
  readonly stepId: string
  /** Raised each time the step is dispatched; a worker that meets an older one does nothing. */
  readonly dispatchNo: number
  /** 1 to 2097152, the lower the sooner; a job without one goes before all that have one. */
  readonly priority?: number
}

export interface QueueWorker {
  /** Takes no further job; resolves at once, the jobs under way go on. */
  pause(): Promise<void>
  /** Takes no further job, waits for those under way, and lets go of its connections. */
  close(): Promise<void>
}

export interface Queues {
  readonly kind: 'redis' | 'postgres' | 'pglite'
  /** Rejects within about two seconds when the store does not answer. A job that is still there is not added again. */
  add(queue: string, jobs: readonly StepJob[]): Promise<void>
  /** Whether each job is still there: waiting, or taken by a worker and not finished. */
  has(queue: string, jobs: readonly StepJob[]): Promise<boolean[]>
  /** Resolves when the worker takes jobs, or after two seconds: a store that is down is joined when it comes back. */
  work(queue: string, concurrency: number, handle: (job: StepJob) => Promise<void>): Promise<QueueWorker>
  /** The word last written, or null when this store has never seen one or has lost its memory. */
  readEpoch(): Promise<string | null>
  writeEpoch(epoch: string): Promise<void>
  counts(queue: string): Promise<{ waiting: number; active: number }>
  ping(): Promise<void>
  /** Closes the workers too. */
  close(): Promise<void>
}

interface CommonOptions {
  readonly log: Log
  readonly timings?: Partial<QueueTimings>
}

export type QueuesOptions =
  | (CommonOptions & {
      readonly redisUrl: string /** Before every key; `callsift` by default. */
      readonly prefix?: string
    })
  | (CommonOptions & {
      readonly kind: 'postgres' | 'pglite'
      /** The record's pool. On PGlite it must be the adapter's; on a server the queue opens a pool of its own beside it. */
      readonly pool: Pool | PglitePool
    })

/** So many jobs go in one call: on PGlite a larger statement would hold the event loop for longer than 50 ms. */
const maxBatch = 100

/** Everything of BullMQ the engine uses. The step rows are the record: a queue may forget or repeat a job, and nothing is lost or done twice. */
export async function createQueues(options: QueuesOptions): Promise<Queues> {
  const timings: QueueTimings = { ...defaultQueueTimings, ...options.timings }
  const store: QueueStore =
    'redisUrl' in options
      ? await openRedisStore({ url: options.redisUrl, prefix: options.prefix ?? 'callsift', log: options.log, timings })
      : // With it comes PGlite, which is loaded only where it is used.
        await (await import('./queues-postgres.ts')).openPostgresStore({ ...options, timings })

  const queues = new Map<string, Promise<BullQueue>>()
  const workers = new Set<QueueWorker>()

  /** BullMQ remembers a failed start for ever, so a queue is built only while the store answers, and thrown away when its start fails. */
  function queueOf(name: string): Promise<BullQueue> {
    const known = queues.get(name)
    if (known !== undefined) return known
    const opening = (async () => {
      const queue = store.newQueue(name)
      try {
        await within(timings.answerMs, queue.waitUntilReady(), `the queue ${name} to open`)
        return queue
      } catch (error) {
        queues.delete(name)
        queue.close().catch(() => undefined)
        throw error
      }
    })()
    queues.set(name, opening)
    return opening
  }

  async function forgetQueues(): Promise<void> {
    const open = [...queues.values()]
    queues.clear()
    await Promise.allSettled(open.map(async (queue) => (await queue).close()))
  }

  return {
    kind: store.kind,

    async add(name, jobs) {
      if (jobs.length === 0) return
      store.assertAnswering()
      const queue = await queueOf(name)
      for (let start = 0; start < jobs.length; start += maxBatch) {
        const batch = jobs.slice(start, start + maxBatch).map(({ stepId, dispatchNo, priority }) => ({
          name: 'step',
          data: { stepId, dispatchNo },
          opts: {
            jobId: jobId({ stepId, dispatchNo }),
            attempts: 1,
            removeOnComplete: true,
            removeOnFail: true,
            ...(priority === undefined ? {} : { priority }),
          },
        }))
        await within(timings.answerMs, queue.addBulk(batch), `${batch.length} jobs to be added to ${name}`)
      }
    },

    async has(name, jobs) {
      if (jobs.length === 0) return []
      store.assertAnswering()
      const present = await within(
        timings.answerMs,
        store.present(name, jobs.map(jobId)),
        `the jobs of ${name} to be looked up`,
      )
      return jobs.map((job) => present.has(jobId(job)))
    },

    async work(name, concurrency, handle) {
      const worker = await superviseWorker({ store, name, concurrency, handle, log: options.log, timings })
      const registered: QueueWorker = {
        pause: () => worker.pause(),
        close: () => {
          workers.delete(registered)
          return worker.close()
        },
      }
      workers.add(registered)
      return registered
    },

    async readEpoch() {
      store.assertAnswering()
      return within(timings.answerMs, store.readEpoch(), 'the epoch to be read')
    },

    async writeEpoch(epoch) {
      store.assertAnswering()
      // A store that lost its memory lost what BullMQ keeps of each queue as well (the cap of its event stream): opened anew, it is written again.
      await forgetQueues()
      await within(timings.answerMs, store.writeEpoch(epoch), 'the epoch to be written')
    },

    async counts(name) {
      store.assertAnswering()
      const queue = await queueOf(name)
      const { active = 0, ...waiting } = await within(
        timings.answerMs,
        queue.getJobCounts('waiting', 'prioritized', 'active'),
        `the jobs of ${name} to be counted`,
      )
      return { waiting: Object.values(waiting).reduce((sum, count) => sum + count, 0), active }
    },

    async ping() {
      store.assertAnswering()
      await within(timings.answerMs, store.ping(), 'a ping')
    },

    async close() {
      await Promise.all([...workers].map((worker) => worker.close()))
      await within(timings.closeMs, forgetQueues(), 'the queues to close').catch(() => undefined)
      await store.close()
    },
  }
}

function jobId(job: StepJob): string {
  return `${job.stepId}-${job.dispatchNo}`
}
