import type { Database } from '../db/connect.ts'
import type { Log } from '../log.ts'
import type { Registry } from './registry.ts'
import { freeDeadWorkers } from './workers.ts'

export interface Sweep {
  start(): void
  close(): Promise<void>
}

/**
 * Brings back what crashes left lying: steps of dead workers, jobs that the queue lost, a queue that lost its memory.
 * After an outage of the record itself nobody could beat, so nobody is declared dead until a whole TTL has passed since.
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
    const startedAt = performance.now()
    if (startedAt - heardAt > options.workerTtlMs) graceUntil = startedAt + options.workerTtlMs
    if (startedAt >= graceUntil) {
      const freed = await freeDeadWorkers(options.db, options.registry, options)
      if (freed.steps > 0) {
        log.info(freed, 'steps of dead workers are ready again')
        options.kick()
      }
    } else await options.db.selectFrom('callsift.meta').select('key').limit(1).execute()
    heardAt = performance.now()
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
