import { sql } from 'kysely'
import { digestToken } from '../seal.ts'
import type { Queryable } from './connect.ts'
import type { Role } from './schema-people.ts'

export interface Session {
  readonly digest: string
  readonly userId: string
  readonly name: string
  readonly role: Role
  readonly hasPassword: boolean
}

/** A session ends when nobody used it for so long, and in any case after a week. */
const idleHours = 12
const longestDays = 7

export async function openSession(db: Queryable, userId: string, secret: string): Promise<void> {
  await sql`delete from callsift.sessions where created_at < now() - ${longestDays} * interval '1 day'
    or seen_at < now() - ${idleHours} * interval '1 hour'`.execute(db)
  await sql`insert into callsift.sessions (digest, user_id) values (${digestToken(secret)}, ${userId})`.execute(db)
  await sql`update callsift.users set last_login_at = now() where id = ${userId}`.execute(db)
}

/** The session in force with this secret; its use is noted at most once a minute. */
export async function findSession(db: Queryable, secret: string): Promise<Session | null> {
  const digest = digestToken(secret)
  const rows = await sql<Session & { stale: boolean }>`
    select s.digest, u.id as "userId", u.name, u.role, u.password is not null as "hasPassword",
      s.seen_at < now() - interval '1 minute' as stale
    from callsift.sessions s join callsift.users u on u.id = s.user_id
    where s.digest = ${digest} and u.disabled_at is null and s.created_at > now() - ${longestDays} * interval '1 day'
      and s.seen_at > now() - ${idleHours} * interval '1 hour'`.execute(db)
  const row = rows.rows[0]
  if (row === undefined) return null
  if (row.stale) await sql`update callsift.sessions set seen_at = now() where digest = ${digest}`.execute(db)
  const { stale: _, ...session } = row
  return session
}

export async function closeSession(db: Queryable, digest: string): Promise<void> {
  await sql`delete from callsift.sessions where digest = ${digest}`.execute(db)
}
