import { sql } from 'kysely'
import { digestToken } from '../seal.ts'
import type { Database, Queryable } from './connect.ts'
import type { Role } from './schema-people.ts'

export interface User {
  readonly id: string
  readonly name: string
  readonly role: Role
  readonly hasPassword: boolean
  /** Since when this person may not come in. */
  readonly disabledAt: Date | null
  readonly createdAt: Date
  readonly lastLoginAt: Date | null
}

export async function listUsers(db: Queryable): Promise<User[]> {
  const rows = await db.selectFrom('callsift.users').selectAll().orderBy('id').execute()
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    role: row.role,
    hasPassword: row.password !== null,
    disabledAt: row.disabled_at,
    createdAt: row.created_at,
    lastLoginAt: row.last_login_at,
  }))
}

/** Ends the transaction that would have left nobody to administer. */
class LastAdmin extends Error {
  override name = 'LastAdmin'
}

/**
 * Changes users, one change at a time, and undoes what would leave no administrator who may come in: `last`. Two who take each other's
 * role away at once are not both heard.
 */
export async function changeUsers<Value>(
  db: Database,
  change: (trx: Queryable) => Promise<Value>,
): Promise<Value | 'last'> {
  try {
    return await db.transaction().execute(async (trx) => {
      await sql`lock table callsift.users in share row exclusive mode`.execute(trx)
      const before = await countAdmins(trx)
      const value = await change(trx)
      if (before > 0 && (await countAdmins(trx)) === 0) throw new LastAdmin()
      return value
    })
  } catch (error) {
    if (error instanceof LastAdmin) return 'last'
    throw error
  }
}

async function countAdmins(db: Queryable): Promise<number> {
  const rows = await sql<{ n: number }>`select count(*)::int as n from callsift.users
    where role = 'admin' and disabled_at is null`.execute(db)
  return rows.rows[0]?.n ?? 0
}

/** Adds a user, or changes the role of the one with this name. */
export async function saveUser(db: Queryable, name: string, role: Role): Promise<{ id: string }> {
  const saved = await sql<{ id: string }>`insert into callsift.users (name, role) values (${name}, ${role})
    on conflict ((lower(name))) do update set role = excluded.role returning id`.execute(db)
  const row = saved.rows[0]
  if (row === undefined) throw new Error(`user ${name} was not stored`)
  return row
}

/** Null where there is no such user; so with the three below. */
export async function setRole(db: Queryable, id: string, role: Role): Promise<{ name: string } | null> {
  const changed = await sql<{ name: string }>`update callsift.users set role = ${role} where id = ${id}
    returning name`.execute(db)
  return changed.rows[0] ?? null
}

/** Ends what is open of somebody who may not come in any more. */
export async function setDisabled(db: Queryable, id: string, disabled: boolean): Promise<{ name: string } | null> {
  const changed = await sql<{ name: string }>`update callsift.users
    set disabled_at = case when ${disabled}::boolean then coalesce(disabled_at, now()) end where id = ${id}
    returning name`.execute(db)
  if (disabled) await endSessions(db, id)
  return changed.rows[0] ?? null
}

/** Whoever knew the password is out, and only a new link leads in. */
export async function forgetPassword(db: Queryable, id: string): Promise<{ name: string } | null> {
  const changed = await sql<{ name: string }>`update callsift.users set password = null where id = ${id}
    returning name`.execute(db)
  await endSessions(db, id)
  return changed.rows[0] ?? null
}

/** With the sessions and links. */
export async function removeUser(db: Queryable, id: string): Promise<{ name: string } | null> {
  const gone = await sql<{ name: string }>`delete from callsift.users where id = ${id} returning name`.execute(db)
  return gone.rows[0] ?? null
}

async function endSessions(db: Queryable, userId: string): Promise<void> {
  await sql`delete from callsift.sessions where user_id = ${userId}`.execute(db)
  await sql`delete from callsift.login_links where user_id = ${userId}`.execute(db)
}

/** What a password is checked against; null for who may not come in. */
export async function findPassword(
  db: Queryable,
  name: string,
): Promise<{ id: string; password: string | null } | null> {
  const rows = await sql<{ id: string; password: string | null }>`select id, password from callsift.users
    where lower(name) = lower(${name}) and disabled_at is null`.execute(db)
  return rows.rows[0] ?? null
}

/** Whom a proxy of ours has logged in; null for who may not come in. */
export async function findUser(db: Queryable, name: string): Promise<{ name: string; role: Role } | null> {
  const rows = await sql<{ name: string; role: Role }>`select name, role from callsift.users
    where lower(name) = lower(${name}) and disabled_at is null`.execute(db)
  return rows.rows[0] ?? null
}

/** Ends every other session: whoever knew the old one is out. */
export async function setPassword(db: Database, id: string, password: string, keepDigest?: string): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await trx.updateTable('callsift.users').set({ password }).where('id', '=', id).execute()
    await trx
      .deleteFrom('callsift.sessions')
      .where('user_id', '=', id)
      .where('digest', '<>', keepDigest ?? '')
      .execute()
  })
}

export async function addLoginLink(db: Queryable, userId: string, secret: string, minutes: number): Promise<void> {
  await sql`delete from callsift.login_links where user_id = ${userId} or expires_at < now()`.execute(db)
  await sql`insert into callsift.login_links (digest, user_id, expires_at)
    values (${digestToken(secret)}, ${userId}, now() + ${minutes} * interval '1 minute')`.execute(db)
}

/** Whose link it is; it is good for one time. */
export async function useLoginLink(db: Queryable, secret: string): Promise<string | null> {
  const used = await sql<{ user_id: string; good: boolean }>`delete from callsift.login_links l
    using callsift.users u where u.id = l.user_id and l.digest = ${digestToken(secret)}
    returning l.user_id, l.expires_at > now() and u.disabled_at is null as good`.execute(db)
  const row = used.rows[0]
  return row?.good === true ? row.user_id : null
}
