import { randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import { digestToken } from '../seal.ts'
import type { Queryable } from './connect.ts'
import type { Role } from './schema-people.ts'

/** An API token as it may be shown: the token itself is known only to who was given it. */
export interface TokenFacts {
  readonly id: string
  readonly name: string
  readonly role: Role
  readonly createdAt: Date
  readonly expiresAt: Date | null
  readonly lastUsedAt: Date | null
  readonly revokedAt: Date | null
}

/** Makes a token of 32 random bytes. It is returned this once; stored is its digest. */
export async function createToken(
  db: Queryable,
  name: string,
  may: { readonly role?: Role | undefined; readonly expiresAt?: Date | null | undefined } = {},
  random = randomBytes,
): Promise<{ id: string; token: string }> {
  const token = `callsift_${random(32).toString('base64url')}`
  const row = await db
    .insertInto('callsift.tokens')
    .values({
      name,
      hash: digestToken(token),
      role: may.role ?? 'admin',
      expires_at: may.expiresAt ?? null,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  return { id: row.id, token }
}

export async function listTokens(db: Queryable): Promise<TokenFacts[]> {
  const rows = await db.selectFrom('callsift.tokens').selectAll().orderBy('id').execute()
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    role: row.role,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    lastUsedAt: row.last_used_at,
    revokedAt: row.revoked_at,
  }))
}

/** False when there is no such token in force. */
export async function revokeToken(db: Queryable, id: string): Promise<boolean> {
  const revoked =
    await sql`update callsift.tokens set revoked_at = now() where id = ${id} and revoked_at is null returning id`.execute(
      db,
    )
  return revoked.rows.length > 0
}

/**
 * The token in force with this digest. A digest is compared by its index: whoever can steer SHA-256's output needs no timing.
 * `last_used_at` is written at most once a minute.
 */
export async function findToken(db: Queryable, hash: string): Promise<{ id: string; name: string; role: Role } | null> {
  const row = await db
    .selectFrom('callsift.tokens')
    .select([
      'id',
      'name',
      'hash',
      'role',
      sql<boolean>`last_used_at is null or last_used_at < now() - interval '1 minute'`.as('stale'),
    ])
    .where('hash', '=', hash)
    .where('revoked_at', 'is', null)
    .where(sql<boolean>`coalesce(expires_at > now(), true)`)
    .executeTakeFirst()
  if (row === undefined) return null
  if (row.stale) {
    await sql`update callsift.tokens set last_used_at = now()
      where id = ${row.id} and (last_used_at is null or last_used_at < now() - interval '1 minute')`.execute(db)
  }
  return { id: row.id, name: row.name, role: row.role }
}
