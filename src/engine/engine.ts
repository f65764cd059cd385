import type { Timings } from '../config.ts'
import type { Database } from '../db/connect.ts'
import { isRecordAway } from '../db/record-away.ts'
import type { Log } from '../log.ts'
import { repeat } from '../repeat.ts'
import type { Claim } from './claim.ts'
import { claimStep } from './claim.ts'
import type { StepScope } from './define.ts'
import { checkQueueMemory, createDispatcher, type DispatchWindows, freeLostJobs } from './dispatch.ts'
import { createExclusion } from './exclusion.ts'
import { executeStep } from './execute.ts'
import { finishStep } from './finish.ts'
import { failureOutcome, type Outcome } from './outcome.ts'
import type { Queues, QueueWorker, StepJob } from './queues.ts'
import type { Registry } from './registry.ts'
import { createSweep } from './sweep.ts'
import { setAsideUnknown, takeSetAside } from './unknown-step.ts'
import { beat, freeStrays, registerWorker, retireWorker } from './workers.ts'

/** One attempt while it runs: what the engine knows of it, and what it learns of it on the way. */
export interface Attempt extends StepScope {
  readonly claim: Claim
  /** The last upstream request's id, kept with the attempt to be quoted in a ticket. */
  noteRequest(requestId: string): void
}

export interface EngineOptions<Context> {
  readonly db: Database
  /**
   * For dispatching and claiming, whose loss at a crash of the record does no harm: the step is ready still, or dispatched still, and
   * an attempt that was under way is fenced. Whatever must not be lost on top of it (an effect's intent, a step's end) waits for the
   * disk, and takes these there with it. `db` when not given.
   */
  readonly looseDb?: Database
  /** Frees what stands in this worker's name and is not held by it; asked with each heartbeat. */
  readonly freeSlots?: (workerId: string) => Promise<unknown>
  readonly queues: Queues
  readonly registry: Registry<Context>
  readonly timings: Timings
  readonly windows: DispatchWindows
  readonly log: Log
  readonly version: string
  readonly random: () => number
  /** An attempt ended and its end is stored (or was not taken); all in ms. */
  readonly onAttempt?: (facts: {
    step: string
    outcome: string
    waitedMs: number
    ranMs: number
    storedMs: number
  }) => void
  /** The only way in which a step touches the world; made for one attempt and taken down after it. */
  withContext<Value>(attempt: Attempt, use: (context: Context) => Promise<Value>): Promise<Value>
}

export interface Engine<Context> {
  readonly registry: Registry<Context>
  /** Something may be due: look now. */
  kick(): void
  kickIn(delayMs: number): void
  /** Dispatches and sweeps; every process does, one at a time by lock. */
  start(): Promise<void>
  /** Takes work from the named queues (all when not named), so many at once each. */
  work(options: { queues?: readonly string[]; concurrency: (queue: string) => number }): Promise<void>
  workerId(): string | null
  activeSteps(): number
  /** Stops taking work, lets what runs end within `drainMs`, then puts the rest back. */
  close(drainMs: number): Promise<void>
}

interface ActiveStep {
  readonly claim: Claim
  readonly controller: AbortController
  readonly ended: Promise<void>
}

const delay = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** Waits for `work`, but no longer than `ms`; leaves no timer behind that would keep the program from ending. */
async function atMost(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  await Promise.race([work, new Promise((resolve) => (timer = setTimeout(resolve, ms)))])
  clearTimeout(timer)
}

export function createEngine<Context>(options: EngineOptions<Context>): Engine<Context> {
  const { db, queues, registry, timings, log } = options
  const loose = options.looseDb ?? db
  const dispatcher = createDispatcher({
    db: loose,
    queues,
    windows: options.windows,
    queueNames: registry.queues,
    tickMs: timings.dispatchTickMs,
    log,
  })
  const sweep = createSweep({
    everyMs: timings.sweepMs,
    workerTtlMs: timings.workerTtlMs,
    db,
    registry,
    log,
    freeLost: () => freeLostJobs(db, queues, timings.lostJobMs),
    checkMemory: () => checkQueueMemory(db, queues),
    kick: dispatcher.kick,
  })
  const exclusion = createExclusion()
  // By attempt, not by step: of one step, an attempt that was taken over may still be ending while the next one runs here.
  const active = new Set<ActiveStep>()
  const queueWorkers: QueueWorker[] = []
  let workerId: string | null = null
  let stopping = false
  let heartbeat: NodeJS.Timeout | null = null
  let registering = false
  let served: readonly string[] = []
  let fetching: { stop(): Promise<void> } | null = null

  const storeUntilHeard = async (claim: Claim, outcome: Outcome, requestId: string | null) => {
    let storing = outcome
    // A paid result is not dropped because the database was away for a moment.
    for (let waitMs = 100; ; waitMs = Math.min(waitMs * 2, 5_000)) {
      try {
        return await finishStep({ db, registry, timings, random: options.random }, claim, storing, requestId)
      } catch (error) {
        if (!isRecordAway(error)) {
          // What the record refuses, it refuses again: the step is parked with the reason, not tried for ever.
          if (storing.kind === 'bug') throw error
          storing = failureOutcome(error)
          continue
        }
        if (stopping && waitMs >= 1_600) throw error
        log.warn({ stepId: claim.stepId, error: String(error) }, 'could not store how a step ended; trying again')
        await delay(waitMs)
      }
    }
  }

  /** Jobs that come while the record is away are held, or the queue would be emptied into nothing and each waited for as lost. */
  const claimWhenHeard = async (job: StepJob): Promise<Claim | 'stale' | 'stopping'> => {
    for (let waitMs = 100; ; waitMs = Math.min(waitMs * 2, 2_000)) {
      if (workerId === null || stopping) return 'stopping'
      try {
        return (await claimStep(loose, job, workerId, registry.seenBy)) ?? 'stale'
      } catch (error) {
        if (!isRecordAway(error)) throw error
      }
      await delay(waitMs)
    }
  }

  const handle = async (job: StepJob): Promise<void> => {
    const claim = await claimWhenHeard(job)
    if (claim === 'stopping') return await giveBack(job)
    if (claim === 'stale') {
      if (!(await setAsideUnknown(db, job, registry.known))) return
      return log.info({ stepId: job.stepId }, 'a step of another release was left to its workers')
    }
    const controller = new AbortController()
    let end: () => void = () => undefined
    const step: ActiveStep = { claim, controller, ended: new Promise((resolve) => (end = resolve)) }
    active.add(step)
    // Claimed while the stop was being asked for: put back at once.
    if (stopping) controller.abort(new Error('the program is stopping'))
    const release = await exclusion.enter(claim.alone)
    let requestId: string | null = null
    try {
      const startedAt = performance.now()
      const outcome = await executeStep({
        registry,
        claim,
        signal: controller.signal,
        withContext: options.withContext,
        noteRequest: (id) => (requestId = id),
        stopping: () => stopping,
      })
      const ranAt = performance.now()
      const result = await storeUntilHeard(claim, outcome, requestId)
      options.onAttempt?.({
        step: claim.stepName,
        outcome: result === 'fenced' ? 'fenced' : outcome.kind,
        waitedMs: claim.waitedMs,
        ranMs: ranAt - startedAt,
        storedMs: performance.now() - ranAt,
      })
      const facts = { runId: claim.runId, step: claim.stepName, stepId: claim.stepId, outcome: outcome.kind, result }
      if ('failure' in outcome) {
        log[outcome.kind === 'bug' ? 'error' : 'info'](
          { ...facts, class: outcome.failure.class, reason: outcome.failure.message },
          'step ended',
        )
        if (outcome.kind === 'later') dispatcher.kickIn(outcome.failure.delayMs)
      } else log.debug(facts, 'step ended')
    } finally {
      release()
      active.delete(step)
      end()
      dispatcher.kick()
    }
  }

  const giveBack = async (job: StepJob) => {
    await db
      .updateTable('callsift.steps')
      .set({ state: 'ready' })
      .where('id', '=', job.stepId)
      .where('dispatch_no', '=', job.dispatchNo)
      .where('state', '=', 'dispatched')
      .execute()
  }

  const fetchSetAside = async () => {
    for (;;) {
      const job = stopping ? null : await takeSetAside(db, registry.known, served)
      if (job === null) return
      await handle(job)
    }
  }

  const keepAlive = async () => {
    const beaten = workerId
    if (beaten === null) return
    if (await beat(db, beaten)) {
      const inHand = [...active].map((step) => step.claim.stepId)
      await freeStrays(db, registry, beaten, inHand, timings.workerTtlMs)
      await options.freeSlots?.(beaten)
      return
    }
    // Beats overlap when the database is slow: of those that find the row gone, one registers, else the other's claims had no heartbeat.
    if (registering || stopping || workerId !== beaten) return
    registering = true
    log.warn({ workerId }, 'this worker was declared dead (it was paused or cut off for too long); beginning anew')
    for (const step of active) step.controller.abort(new Error('the lease was lost'))
    try {
      workerId = await registerWorker(db, { queues: served, version: options.version })
    } finally {
      registering = false
    }
  }

  return {
    registry,
    kick: dispatcher.kick,
    kickIn: dispatcher.kickIn,
    start: async () => {
      // On a first start the queue's store lays its tables; a store that is down must not hold the program up.
      for (let tries = 1; tries <= 5; tries += 1) {
        try {
          await checkQueueMemory(db, queues)
          break
        } catch (error) {
          log[tries === 5 ? 'warn' : 'debug']({ error: String(error) }, 'the queue does not answer yet')
        }
      }
      sweep.start()
      dispatcher.kick()
    },
    work: async ({ queues: only, concurrency }) => {
      served = only ?? registry.queues
      workerId = await registerWorker(db, { queues: served, version: options.version })
      heartbeat = setInterval(() => {
        keepAlive().catch((error: unknown) => log.warn({ error: String(error) }, 'heartbeat failed'))
      }, timings.heartbeatMs)
      fetching = repeat('fetching steps that older workers left', timings.sweepMs, log, fetchSetAside)
      for (const queue of served) queueWorkers.push(await queues.work(queue, concurrency(queue), handle))
    },
    workerId: () => workerId,
    activeSteps: () => active.size,
    close: async (drainMs) => {
      stopping = true
      // First, or what is put back below would be sent into the queue again by the process that is leaving.
      await sweep.close()
      await dispatcher.close()
      const fetched = fetching?.stop()
      await Promise.all(queueWorkers.map((worker) => worker.pause().catch(() => undefined)))
      const ended = Promise.all([...active].map((step) => step.ended))
      await atMost(drainMs, ended)
      for (const step of active) step.controller.abort(new Error('the program is stopping'))
      await atMost(2_000, Promise.all([ended, fetched]))
      if (heartbeat !== null) clearInterval(heartbeat)
      // A step that does not heed its signal must not keep the program from ending; its lease goes with the worker's row.
      if (active.size === 0) await queues.close()
      else await atMost(3_000, queues.close())
      if (workerId !== null) await retireWorker(db, workerId).catch(() => undefined)
    },
  }
}
