import { sql } from 'kysely'
import { digestToken } from '../seal.ts'
import type { Database, Queryable } from './connect.ts'
import type { Role } from './schema-people.ts'

export interface User {
  readonly id: string
  readonly name: string
  readonly role: Role
  readonly hasPassword: boolean
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
    createdAt: row.created_at,
    lastLoginAt: row.last_login_at,
  }))
}

/** Adds a user, or changes the role of the one with this name. */
export async function saveUser(db: Queryable, name: string, role: Role): Promise<{ id: string }> {
  const saved = await sql<{ id: string }>`insert into callsift.users (name, role) values (${name}, ${role})
    on conflict ((lower(name))) do update set role = excluded.role returning id`.execute(db)
  const row = saved.rows[0]
  if (row === undefined) throw new Error(`user ${name} was not stored`)
  return row
}

/** With its sessions and links. Null where there is none; `last` where it is the last administrator, who stays. */
export async function removeUser(db: Database, id: string): Promise<'removed' | 'last' | null> {
  return await db.transaction().execute(async (trx) => {
    const users = await trx.selectFrom('callsift.users').select(['id', 'role']).forUpdate().execute()
    const user = users.find((one) => one.id === id)
    if (user === undefined) return null
    if (user.role === 'admin' && users.filter((one) => one.role === 'admin').length === 1) return 'last'
    await trx.deleteFrom('callsift.users').where('id', '=', id).execute()
    return 'removed'
  })
}

/** What a password is checked against. */
export async function findPassword(
  db: Queryable,
  name: string,
): Promise<{ id: string; password: string | null } | null> {
  const rows = await sql<{ id: string; password: string | null }>`select id, password from callsift.users
    where lower(name) = lower(${name})`.execute(db)
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
  const used = await sql<{ user_id: string; good: boolean }>`delete from callsift.login_links
    where digest = ${digestToken(secret)} returning user_id, expires_at > now() as good`.execute(db)
  const row = used.rows[0]
  return row?.good === true ? row.user_id : null
}
