import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import type { Database } from '../db/connect.ts'
import { isRecordAway } from '../db/record-away.ts'

/** Bitrix24 executes two requests of a portal at once; more would wait in its queue and end as QUEUE_TIMEOUT. */
const slotsPerPortal = 2

export interface Slot {
  release(): Promise<void>
}

export interface Slots {
  /** Lays the portal's rows where they are not there yet. */
  ensure(portalId: string): Promise<void>
  /**
   * Takes one of the portal's slots, over all processes; null when none came free within `waitMs`.
   * A recording's bytes only ever use slot 0, so that one request can always pass beside them.
   */
  take(
    portalId: string,
    options: { bytes: boolean; workerId: string; waitMs: number; leaseMs: number; signal?: AbortSignal | undefined },
  ): Promise<Slot | null>
  /** A name to take one slot under. */
  newHolder(): string
  /** Nothing was taken under `holder`. */
  tookNone(holder: string): void
  /** A slot that was taken under `holder` by `callsift.enter`. */
  held(portalId: string, holder: string): Slot
  /** Frees what `holder` may have taken: the statement failed, which says nothing about what the record did of it. Tries until it is heard. */
  letGo(portalId: string, holder: string): void
  /**
   * Frees slots that stand in this worker's name and that it does not hold: a crash of the record lost their release, which commits
   * loosely, and two of them would stop the portal until their leases end. Returns how many.
   */
  freeStrays(workerId: string): Promise<number>
  /** How long to wait before looking again for a free slot, ms. */
  waitToLook(look: number, leftMs: number, signal?: AbortSignal): Promise<void>
}

/**
 * Slots are rows with a lease and a holder. The rows of a dead worker are freed by the sweep; the lease is the second net.
 * `delay` waits between looks, so that tests can count them.
 */
export function createSlots(db: Database, delay: (ms: number, signal?: AbortSignal) => Promise<void>): Slots {
  const known = new Set<string>()
  // From before a slot may be taken until it is given back.
  const holders = new Set<string>()
  const newHolder = () => {
    const holder = randomUUID()
    holders.add(holder)
    return holder
  }
  const ensure = async (portalId: string) => {
    if (known.has(portalId)) return
    for (let n = 0; n < slotsPerPortal; n += 1) {
      await sql`insert into callsift.slots (portal_id, n) values (${portalId}, ${n}) on conflict do nothing`.execute(db)
    }
    known.add(portalId)
  }
  const free = async (portalId: string, holder: string) => {
    await sql`update callsift.slots set holder = null, worker_id = null, lease_until = '-infinity'
      where portal_id = ${portalId} and holder = ${holder}`.execute(db)
  }
  const freeUntilHeard = async (portalId: string, holder: string) => {
    for (let waitMs = 250; ; waitMs = Math.min(waitMs * 2, 5_000)) {
      try {
        return await free(portalId, holder)
      } catch (error) {
        // Anything else will not be mended by asking again; the lease is the second net.
        if (!isRecordAway(error)) return
      }
      await delay(waitMs)
    }
  }
  const letGo = (portalId: string, holder: string) => {
    holders.delete(holder)
    void freeUntilHeard(portalId, holder)
  }
  const held = (portalId: string, holder: string): Slot => ({
    release: async () => {
      holders.delete(holder)
      try {
        await free(portalId, holder)
      } catch (error) {
        if (!isRecordAway(error)) throw error
        // A slot whose release was lost would stand until its lease ends, and two of them stop the portal.
        letGo(portalId, holder)
      }
    },
  })
  const waitToLook = (look: number, leftMs: number, signal?: AbortSignal) =>
    delay(Math.min(leftMs, 10 * 2 ** Math.min(look, 4)), signal)
  return {
    ensure,
    newHolder,
    tookNone: (holder) => void holders.delete(holder),
    held,
    letGo,
    waitToLook,
    freeStrays: async (workerId) => {
      // What stands there was named before it was asked for: what is no holder's now has been given back.
      const { rows } = await sql<{ portal_id: string; holder: string }>`
        select portal_id, holder from callsift.slots
        where worker_id = ${workerId} and holder is not null and lease_until > clock_timestamp()`.execute(db)
      const strays = rows.filter((row) => !holders.has(row.holder))
      for (const stray of strays) await free(stray.portal_id, stray.holder)
      return strays.length
    },
    take: async (portalId, { bytes, workerId, waitMs, leaseMs, signal }) => {
      await ensure(portalId)
      const holder = newHolder()
      const until = performance.now() + waitMs
      for (let look = 0; ; look += 1) {
        const taken = await sql<{ n: number }>`
          update callsift.slots set holder = ${holder}, worker_id = ${workerId},
            lease_until = clock_timestamp() + ${leaseMs} * interval '1 millisecond'
          where (portal_id, n) = (
            select portal_id, n from callsift.slots
            where portal_id = ${portalId} and lease_until < clock_timestamp() and (n = 0 or not ${bytes}::boolean)
            order by n desc limit 1 for update skip locked)
          returning n`
          .execute(db)
          .catch((error: unknown) => {
            letGo(portalId, holder)
            throw error
          })
        const n = taken.rows[0]?.n
        if (n !== undefined) return held(portalId, holder)
        const left = until - performance.now()
        if (left <= 0 || signal?.aborted) {
          holders.delete(holder)
          return null
        }
        await waitToLook(look, left, signal)
      }
    },
  }
}
