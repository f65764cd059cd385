import { sql } from 'kysely'
import type { Queryable } from './connect.ts'

/** `mine`: the request is new and is to be done; else what became of the first one (null: not known yet, or erased). */
export type Claimed =
  | { readonly mine: true }
  | { readonly mine: false; readonly same: boolean; readonly answer: unknown }

export async function claimKey(
  db: Queryable,
  key: { actor: string; action: string; key: string; digest: string },
): Promise<Claimed> {
  await sql`delete from callsift.idempotency where created_at < now() - interval '1 day'`.execute(db)
  const made = await sql`insert into callsift.idempotency (actor, action, key, digest)
    values (${key.actor}, ${key.action}, ${key.key}, ${key.digest}) on conflict do nothing returning key`.execute(db)
  if (made.rows.length > 0) return { mine: true }
  const row = await db
    .selectFrom('callsift.idempotency')
    .select(['digest', 'answer'])
    .where('actor', '=', key.actor)
    .where('action', '=', key.action)
    .where('key', '=', key.key)
    .executeTakeFirst()
  return { mine: false, same: row?.digest === key.digest, answer: row?.answer ?? null }
}

export async function storeAnswer(
  db: Queryable,
  key: { actor: string; action: string; key: string },
  answer: unknown,
): Promise<void> {
  await sql`update callsift.idempotency set answer = ${JSON.stringify(answer)}::jsonb
    where actor = ${key.actor} and action = ${key.action} and key = ${key.key}`.execute(db)
}

/** What failed may be tried again under its key. */
export async function forgetKey(db: Queryable, key: { actor: string; action: string; key: string }): Promise<void> {
  await sql`delete from callsift.idempotency
    where actor = ${key.actor} and action = ${key.action} and key = ${key.key}`.execute(db)
}
