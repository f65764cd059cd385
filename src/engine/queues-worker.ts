import type { Log } from '../log.ts'
import type { StepJob } from './queues.ts'
import {
  type BullJob,
  type BullWorker,
  createErrorLog,
  type QueueStore,
  type QueueTimings,
  within,
} from './queues-store.ts'

interface Supervision {
  readonly store: QueueStore
  readonly name: string
  readonly concurrency: number
  readonly handle: (job: StepJob) => Promise<void>
  readonly log: Log
  readonly timings: QueueTimings
}

/**
 * Keeps one BullMQ worker alive. BullMQ remembers a failed start for ever and ends its loop on an error it did not foresee; either would be a
 * process that looks healthy and takes nothing. So a worker is built only while the store answers, and built again when it stopped running.
 */
export async function superviseWorker({ store, name, concurrency, handle, log, timings }: Supervision) {
  const complain = createErrorLog(log)
  const underWay = new Set<Promise<void>>()
  const stopped = new AbortController()
  let paused = false
  let worker: BullWorker | undefined
  let closing: Promise<void> | undefined

  async function processJob(job: BullJob, token?: string): Promise<void> {
    if (paused) {
      // A worker that was blocked in its read when it was paused still takes the job that ended the read: put back for others.
      await job.moveToWait(token)
      throw store.putBackSignal()
    }
    const step = readStepJob(job.data)
    if (step === undefined) {
      log.error({ queue: name }, 'a job without a step was dropped: something else writes to our queue')
      return
    }
    const work = handle(step).catch((error: unknown) => {
      // How a step ends is written in its row. What reaches this line is a fault of ours, and failing the job would mend nothing.
      log.error(
        { err: error, queue: name, stepId: step.stepId, dispatchNo: step.dispatchNo },
        'a job ended with an error nobody caught',
      )
    })
    underWay.add(work)
    try {
      await work
    } finally {
      underWay.delete(work)
    }
  }

  async function start(): Promise<void> {
    await within(timings.answerMs, store.ping(), 'a ping')
    const built = store.newWorker(name, concurrency, processJob)
    try {
      await within(timings.answerMs * 2, built.waitUntilReady(), `the worker of ${name} to start`)
    } catch (error) {
      built.close(true).catch(() => undefined)
      throw error
    }
    if (stopped.signal.aborted || paused) {
      built.close(true).catch(() => undefined)
      return
    }
    worker = built
  }

  async function watch(): Promise<void> {
    while (!stopped.signal.aborted) {
      try {
        if (worker === undefined && !paused) await start()
        else if (worker !== undefined && !worker.isRunning() && !paused) {
          complain(`worker ${name}`, new Error('stopped by itself and is started again'))
          worker.close(true).catch(() => undefined)
          worker = undefined
          continue
        }
      } catch (error) {
        complain(`worker ${name}`, error)
      }
      if (worker !== undefined) firstStart.resolve()
      await pauseFor(worker === undefined ? timings.retryMs : timings.watchMs, stopped.signal)
    }
  }

  const firstStart = Promise.withResolvers<void>()
  const watching = watch()
  await within(timings.answerMs, firstStart.promise, 'the first start').catch(() => undefined)

  return {
    async pause(): Promise<void> {
      paused = true
      await worker?.pause(true)
    },

    close(): Promise<void> {
      closing ??= (async () => {
        paused = true
        stopped.abort()
        const closed = worker?.close()
        closed?.catch(() => undefined)
        await Promise.allSettled(underWay)
        // A store that is away would keep BullMQ waiting; its connections are cut when the store itself is closed.
        if (closed !== undefined)
          await within(timings.closeMs, closed, `the worker of ${name} to close`).catch(() =>
            worker?.close(true).catch(() => undefined),
          )
        await watching
      })()
      return closing
    },
  }
}

function readStepJob(data: unknown): StepJob | undefined {
  if (typeof data !== 'object' || data === null || !('stepId' in data) || !('dispatchNo' in data)) return undefined
  const { stepId, dispatchNo } = data
  return typeof stepId === 'string' && typeof dispatchNo === 'number' ? { stepId, dispatchNo } : undefined
}

function pauseFor(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    if (signal.aborted) done()
    else signal.addEventListener('abort', done)
  })
}
