import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import type { Database } from '../db/connect.ts'

/** Bitrix24 executes two requests of a portal at once; more would wait in its queue and end as QUEUE_TIMEOUT. */
const slotsPerPortal = 2

export interface Slots {
  /**
   * Takes one of the portal's slots, over all processes; null when none came free within `waitMs`.
   * A recording's bytes only ever use slot 0, so that one request can always pass beside them.
   */
  take(
    portalId: string,
    options: { bytes: boolean; workerId: string; waitMs: number; leaseMs: number; signal?: AbortSignal | undefined },
  ): Promise<{ release(): Promise<void> } | null>
}

/**
 * Slots are rows with a lease and a holder. The rows of a dead worker are freed by the sweep; the lease is the second net.
 * `delay` waits between looks, so that tests can count them.
 */
export function createSlots(db: Database, delay: (ms: number, signal?: AbortSignal) => Promise<void>): Slots {
  const known = new Set<string>()
  const ensure = async (portalId: string) => {
    if (known.has(portalId)) return
    for (let n = 0; n < slotsPerPortal; n += 1) {
      await sql`insert into callsift.slots (portal_id, n) values (${portalId}, ${n}) on conflict do nothing`.execute(db)
    }
    known.add(portalId)
  }
  return {
    take: async (portalId, { bytes, workerId, waitMs, leaseMs, signal }) => {
      await ensure(portalId)
      const holder = randomUUID()
      const until = performance.now() + waitMs
      for (let look = 0; ; look += 1) {
        const taken = await sql<{ n: number }>`
          update callsift.slots set holder = ${holder}, worker_id = ${workerId},
            lease_until = clock_timestamp() + ${leaseMs} * interval '1 millisecond'
          where (portal_id, n) = (
            select portal_id, n from callsift.slots
            where portal_id = ${portalId} and lease_until < clock_timestamp() and (n = 0 or not ${bytes}::boolean)
            order by n desc limit 1 for update skip locked)
          returning n`.execute(db)
        const n = taken.rows[0]?.n
        if (n !== undefined) {
          return {
            release: async () => {
              await sql`update callsift.slots set holder = null, worker_id = null, lease_until = '-infinity'
                where portal_id = ${portalId} and n = ${n} and holder = ${holder}`.execute(db)
            },
          }
        }
        const left = until - performance.now()
        if (left <= 0 || signal?.aborted) return null
        await delay(Math.min(left, 10 * 2 ** Math.min(look, 4)), signal)
      }
    },
  }
}
