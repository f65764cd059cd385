import { sql } from 'kysely'
import type { Database } from '../db/connect.ts'
import type { Claim } from './claim.ts'
import type { Gates } from './gates.ts'
import type { Slot, Slots } from './slots.ts'

export interface PermitRequest {
  readonly keyId: string
  /** The gates it goes through beside `key`. */
  readonly names: readonly string[]
  /** Null: it takes none of the portal's slots. */
  readonly slot: { readonly portalId: string; readonly bytes: boolean; readonly leaseMs: number } | null
  readonly workerId: string
  /** The attempt whose lease is checked; null outside any step. */
  readonly claim: Pick<Claim, 'stepId' | 'fence'> | null
  /** How far ahead its place in the key's pacing may lie, ms. */
  readonly maxWaitMs: number
  /** The worker's last heartbeat must be younger than this, ms. */
  readonly lifeMs: number
}

export type PermitResult =
  /**
   * The lease was looked at too, unless it has to wait: then it is to be looked at afterwards. What was found holds from `askedAt` on
   * (performance.now(), ms).
   */
  | { readonly kind: 'passed'; readonly waitMs: number; readonly slot: Slot | null; readonly askedAt: number }
  /** Nothing is held. `refused`: a gate is closed, or the pacing is used up; `gates.pass` says which. */
  | { readonly kind: 'no_slot' | 'refused' | 'lost' }

/** Everything a request needs before it may leave, in one round trip: slot, pacing and gates, lease, in this order. */
export async function enterGates(
  db: Database,
  deps: { gates: Gates; slots: Slots },
  wanted: PermitRequest,
): Promise<PermitResult> {
  const { slot, claim } = wanted
  if (deps.gates.untold(wanted.keyId, wanted.names) !== null) return { kind: 'refused' }
  await deps.gates.settled()
  const pace = await deps.gates.pace(wanted.keyId)
  if (slot !== null) await deps.slots.ensure(slot.portalId)
  const holder = deps.slots.newHolder()
  const askedAt = performance.now()
  const entered = await sql<{ kind: 'passed' | 'no_slot' | 'refused' | 'lost'; slot: number | null; wait_ms: number }>`
    select * from callsift.enter(${slot?.portalId ?? null}, ${slot?.bytes ?? false}, ${holder}, ${wanted.workerId}, ${slot?.leaseMs ?? 0},
      ${wanted.keyId}, ${['key', ...wanted.names]}::text[], ${pace.intervalMs}, ${pace.slackMs}, ${wanted.maxWaitMs},
      ${claim?.stepId ?? null}, ${claim?.fence ?? null}, ${wanted.lifeMs})`
    .execute(db)
    .catch((error: unknown) => {
      if (slot === null) deps.slots.tookNone(holder)
      else deps.slots.letGo(slot.portalId, holder)
      throw error
    })
  const row = entered.rows[0]
  if (row === undefined || row.kind !== 'passed' || row.slot === null) deps.slots.tookNone(holder)
  if (row === undefined) throw new Error('callsift.enter returned no row')
  if (row.kind !== 'passed') return { kind: row.kind }
  const held = slot === null || row.slot === null ? null : deps.slots.held(slot.portalId, holder)
  return { kind: 'passed', waitMs: row.wait_ms, slot: held, askedAt }
}
