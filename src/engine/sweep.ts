import { sql } from 'kysely'
import type { Database } from '../db/connect.ts'
import type { Log } from '../log.ts'
import { findEndedWorkers } from './find-ended-workers.ts'
import type { Registry } from './registry.ts'
import { freeDeadWorkers, freeStepsOf } from './workers.ts'

export interface Sweep {
  start(): void
  close(): Promise<void>
}

/**
 * Brings back what crashes left lying: steps of dead workers, jobs that the queue lost, a queue that lost its memory.
 * After an outage of the record itself nobody could beat, so nobody is declared dead until a whole TTL has passed since. A process on the
 * same machine that is seen to have ended needs no TTL.
 */
export function createSweep<Context>(options: {
  everyMs: number
  workerTtlMs: number
  db: Database
  registry: Registry<Context>
  log: Log
  freeLost: () => Promise<number>
  checkMemory: () => Promise<{ lost: boolean; redispatched: number }>
  kick: () => void
}): Sweep {
  const { log } = options
  let timer: NodeJS.Timeout | null = null
  let current: Promise<void> | null = null
  let heardAt = performance.now()
  let graceUntil = 0

  const round = async () => {
    // Asked first, because a database that was paused answers this late, when nobody has had time to beat yet.
    const answer = await sql<{ now: Date }>`select clock_timestamp() as now`.execute(options.db)
    const startedAt = performance.now()
    const databaseNow = answer.rows[0]?.now ?? new Date(0)
    if (startedAt - heardAt > options.workerTtlMs) graceUntil = startedAt + options.workerTtlMs
    if (startedAt >= graceUntil) {
      const notAfter = new Date(databaseNow.getTime() + options.workerTtlMs / 4)
      const freed = await freeDeadWorkers(options.db, options.registry, options, notAfter)
      if (freed.steps > 0) {
        log.info(freed, 'steps of dead workers are ready again')
        options.kick()
      }
    }
    heardAt = performance.now()
    const ended = await findEndedWorkers(options.db)
    const left = await freeStepsOf(options.db, options.registry, ended)
    if (left.steps > 0) {
      log.info({ workers: ended, ...left }, 'steps of processes that have ended are ready again')
      options.kick()
    }
    const memory = await options.checkMemory()
    if (memory.lost) {
      log.warn(memory, 'the queue has lost its memory; everything in flight was dispatched again')
      options.kick()
    }
    const lost = await options.freeLost()
    if (lost > 0) {
      log.info({ steps: lost }, 'steps whose job was lost are ready again')
      options.kick()
    }
  }
  const tick = () => {
    current ??= round()
      .catch((error: unknown) => log.warn({ error: String(error) }, 'the sweep failed; the next one tries again'))
      .finally(() => {
        current = null
      })
  }
  return {
    start: () => {
      timer = setInterval(tick, options.everyMs)
    },
    close: async () => {
      if (timer !== null) clearInterval(timer)
      await current
    },
  }
}
