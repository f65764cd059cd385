import { createHmac, randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import type { Sealer } from '../seal.ts'
import type { Database, Queryable } from './connect.ts'

/** A key of the AI Router as it may be shown: the key itself is known only to who was given it. */
export interface RouterKey {
  readonly id: string
  readonly tenant: string
  readonly name: string
  readonly last4: string
  readonly scopes: readonly string[]
  readonly perSecond: number | null
  readonly tokensPerDay: number | null
  /** Of a calendar month (UTC), in millionths. */
  readonly budgetMicros: number | null
  readonly expiresAt: Date | null
  readonly createdAt: Date
  readonly revokedAt: Date | null
}

export interface NewRouterKey {
  readonly tenant: string
  readonly name: string
  readonly kind: 'api' | 'app'
  readonly scopes: readonly string[]
  readonly perSecond: number | null
  readonly tokensPerDay: number | null
  readonly budgetMicros: number | null
  readonly expiresAt: Date | null
}

const secretName = 'router_key'

/** The digest that keys are stored under: with a secret of the record's own, sealed, so that a stolen table opens nothing. */
export async function openKeyDigest(db: Database, sealer: Sealer): Promise<(key: string) => string> {
  const fresh = sealer.seal(randomBytes(32).toString('base64url'), secretName)
  await sql`insert into callsift.meta (key, value) values (${secretName}, ${fresh}) on conflict (key) do nothing`.execute(
    db,
  )
  const row = await db
    .selectFrom('callsift.meta')
    .select('value')
    .where('key', '=', secretName)
    .executeTakeFirstOrThrow()
  const secret = sealer.unseal(row.value, secretName)
  return (key) => createHmac('sha256', secret).update(key).digest('base64url')
}

const facts = sql`id::text, tenant, name, last4, scopes, per_second as "perSecond", tokens_per_day::float8 as "tokensPerDay",
  budget_micros::float8 as "budgetMicros", expires_at as "expiresAt", created_at as "createdAt", revoked_at as "revokedAt"`

/** Makes a key of 32 random bytes. It is returned this once; stored is its digest. */
export async function createRouterKey(
  db: Queryable,
  digest: (key: string) => string,
  wanted: NewRouterKey,
  random = randomBytes,
): Promise<{ id: string; key: string }> {
  const key = `vibe_${wanted.kind}_${random(32).toString('base64url')}`
  const row = await db
    .insertInto('callsift.router_keys')
    .values({
      tenant: wanted.tenant,
      name: wanted.name,
      digest: digest(key),
      last4: key.slice(-4),
      scopes: [...wanted.scopes],
      per_second: wanted.perSecond,
      tokens_per_day: wanted.tokensPerDay === null ? null : String(wanted.tokensPerDay),
      budget_micros: wanted.budgetMicros === null ? null : String(wanted.budgetMicros),
      expires_at: wanted.expiresAt,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  return { id: row.id, key }
}

export async function listRouterKeys(db: Queryable): Promise<RouterKey[]> {
  return (await sql<RouterKey>`select ${facts} from callsift.router_keys order by callsift.router_keys.id`.execute(db))
    .rows
}

/** The key with this digest, in force or not. */
export async function findRouterKey(db: Queryable, digest: string): Promise<RouterKey | null> {
  const found = await sql<RouterKey>`select ${facts} from callsift.router_keys where digest = ${digest}`.execute(db)
  return found.rows[0] ?? null
}

/** False when there is no such key in force. */
export async function revokeRouterKey(db: Queryable, id: string): Promise<boolean> {
  const revoked =
    await sql`update callsift.router_keys set revoked_at = now() where id = ${id} and revoked_at is null returning id`.execute(
      db,
    )
  return revoked.rows.length > 0
}
