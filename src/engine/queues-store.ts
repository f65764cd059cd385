import type { Log } from '../log.ts'

/** All in milliseconds. */
export interface QueueTimings {
  /** How long the store may take over one answer before the caller hears of it. */
  readonly answerMs: number
  /** How long connections may take to close before they are cut. */
  readonly closeMs: number
  /**
   * BullMQ's lock on a taken job, renewed at half its time. It guards nothing here (the step row is the lease); it only tells BullMQ which
   * jobs belonged to a process that died. Short, so that such a job is handed out again within about `lockMs` + 2 `stalledCheckMs`.
   */
  readonly lockMs: number
  readonly stalledCheckMs: number
  /** Pause before a worker whose store failed asks it again. */
  readonly retryMs: number
  /** A worker that is neither closed nor running is replaced within this. */
  readonly watchMs: number
}

export const defaultQueueTimings: QueueTimings = {
  answerMs: 2_000,
  closeMs: 1_500,
  lockMs: 4_000,
  stalledCheckMs: 1_500,
  retryMs: 500,
  watchMs: 5_000,
}

/** What every worker of ours is told, whatever the store. */
export function workerSettings(concurrency: number, timings: QueueTimings) {
  return {
    concurrency,
    lockDuration: timings.lockMs,
    stalledInterval: timings.stalledCheckMs,
    // Handed out again however often its workers died: what a crash means for a step is counted in the step's row, and a job that BullMQ
    // gave up would be a step nobody works on until the dispatcher misses it.
    maxStalledCount: 1_000_000,
    /** Seconds an idle worker blocks before it looks by itself: the net under a lost notification. */
    drainDelay: 5,
    runRetryDelay: timings.retryMs,
  }
}

/** Events are read by nobody here; without a cap each queue would keep the last 10,000. */
export const maxEvents = 10

export interface BullQueue {
  waitUntilReady(): Promise<unknown>
  addBulk(jobs: { name: string; data: unknown; opts: { jobId: string; attempts: number } }[]): Promise<unknown>
  getJobCounts(...types: ('waiting' | 'prioritized' | 'active')[]): Promise<{ [state: string]: number }>
  close(): Promise<void>
}

export interface BullJob {
  readonly data: unknown
  moveToWait(token?: string): Promise<unknown>
}

export interface BullWorker {
  waitUntilReady(): Promise<unknown>
  isRunning(): boolean
  pause(doNotWaitActive?: boolean): Promise<void>
  close(force?: boolean): Promise<void>
}

export interface QueueStore {
  readonly kind: 'redis' | 'postgres' | 'pglite'
  /** Throws at once when the store is known to be away, so that nobody waits for a time-out to learn it. */
  assertAnswering(): void
  newQueue(name: string): BullQueue
  newWorker(name: string, concurrency: number, processor: (job: BullJob, token?: string) => Promise<void>): BullWorker
  /** What a processor throws after it has put its job back with `moveToWait`. */
  putBackSignal(): Error
  present(name: string, jobIds: readonly string[]): Promise<Set<string>>
  readEpoch(): Promise<string | null>
  writeEpoch(epoch: string): Promise<void>
  ping(): Promise<void>
  close(): Promise<void>
}

/** A promise that may never settle gets a deadline and words that say what was waited for. */
export async function within<T>(ms: number, promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`The queue's store did not answer: waited ${ms} ms for ${what}.`)), ms)
  })
  try {
    return await Promise.race([promise, deadline])
  } finally {
    clearTimeout(timer)
    promise.catch(() => undefined)
  }
}

/** How the queue's parts tell of their store. They complain several times a second while it is away: the log counts what repeats. */
export function createErrorLog(log: Log): (where: string, error: unknown) => void {
  return (where, error) => {
    const reason = error instanceof Error ? error.message || error.name : String(error)
    log.warn({ where, reason }, 'queue store trouble')
  }
}
