import { createHmac, randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import type { Database, Queryable } from '../db/connect.ts'
import { phoneDigits } from '../phone-digits.ts'
import type { Sealer } from '../seal.ts'
import { type IncomingCall, identitiesOf } from './incoming-call.ts'

/** Knows what was erased, without the record saying what it was. */
export interface Tombstones {
  /** Of one of a call's names (`identitiesOf`). */
  ofName(identity: string): string
  /** Of a number within a portal; null for what is nobody's own number. */
  ofPhone(portalId: string, phone: string | null | undefined): string | null
}

const keyName = 'tombstone_key'

/**
 * Digests with a key of the record's own, sealed like the portals' keys: phone numbers are few enough to try them all, so a plain hash
 * would tell them. The key is made at first use and stays for good, also when the secret key is turned over.
 */
export async function openTombstones(db: Database, sealer: Sealer): Promise<Tombstones> {
  const fresh = sealer.seal(randomBytes(32).toString('base64url'), keyName)
  await sql`insert into callsift.meta (key, value) values (${keyName}, ${fresh}) on conflict (key) do nothing`.execute(
    db,
  )
  const row = await db.selectFrom('callsift.meta').select('value').where('key', '=', keyName).executeTakeFirstOrThrow()
  const key = sealer.unseal(row.value, keyName)
  const digest = (text: string) => createHmac('sha256', key).update(text).digest('base64url')
  return {
    ofName: (identity) => digest(`name ${identity}`),
    ofPhone: (portalId, phone) => {
      const digits = phoneDigits(phone)
      return digits === null ? null : digest(`phone ${portalId} ${digits}`)
    },
  }
}

/** The digests under which a call would stand, were it erased. */
export function digestsOf(tombstones: Tombstones, call: IncomingCall): string[] {
  const phone = tombstones.ofPhone(call.portalId, call.phone)
  return [...identitiesOf(call).map(tombstones.ofName), ...(phone === null ? [] : [phone])]
}

/**
 * Whether the call was erased: by one of its names for good, by its phone number where it began before the erasure. Whoever calls
 * again afterwards is a new call. Of a past call whose time is not told, the erasure holds.
 */
export function isErased(tombstones: Tombstones, erasedAt: ReadonlyMap<string, Date>, call: IncomingCall): boolean {
  if (erasedAt.size === 0) return false
  if (identitiesOf(call).some((identity) => erasedAt.has(tombstones.ofName(identity)))) return true
  const phone = tombstones.ofPhone(call.portalId, call.phone)
  const at = phone === null ? undefined : erasedAt.get(phone)
  if (at === undefined) return false
  if (call.startedAt !== undefined) return call.startedAt < at
  return call.source === 'reconcile' || call.source === 'backfill'
}

export async function bury(trx: Queryable, digests: readonly string[]): Promise<void> {
  await sql`insert into callsift.tombstones (digest) select unnest(${[...digests].sort()}::text[])
    on conflict (digest) do update set erased_at = now()`.execute(trx)
}
