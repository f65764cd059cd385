import { sql } from 'kysely'
import type { Queryable } from './connect.ts'

export interface Change {
  readonly callId: string
  /** When its run last changed, microseconds since 1970, by the database's clock. */
  readonly at: string
}

/** The database's clock in microseconds: where a watcher begins. */
export async function readSequence(db: Queryable): Promise<string> {
  const rows = await sql<{
    at: string
  }>`select (extract(epoch from clock_timestamp()) * 1000000)::bigint::text as at`.execute(db)
  return rows.rows[0]?.at ?? '0'
}

/**
 * Calls whose run changed after this. A run is stamped with its transaction's beginning, so one that committed late may lie a little
 * before what was seen already: callers look back some seconds and leave out what they have told. The index over (state, updated_at)
 * answers it, so that the steps themselves pay nothing for being watched.
 */
export async function listChanges(db: Queryable, after: string, limit: number): Promise<Change[]> {
  const rows = await sql<Change>`
    select c.id as "callId", (extract(epoch from r.updated_at) * 1000000)::bigint::text as at
    from callsift.runs r join callsift.calls c on c.run_id = r.id
    where r.state in ('running', 'done', 'parked', 'cancelled')
      and r.updated_at > to_timestamp(0) + ${after}::bigint * interval '1 microsecond'
    order by r.updated_at limit ${limit}`.execute(db)
  return rows.rows
}

/** Calls at which an attempt began after the one with this id; the ids are a sequence. */
export async function listBegun(
  db: Queryable,
  afterAttempt: string,
  limit: number,
): Promise<{ callId: string; attempt: string }[]> {
  const rows = await sql<{ callId: string; attempt: string }>`
    select c.id as "callId", a.id as attempt from callsift.attempts a
    join callsift.steps s on s.id = a.step_id join callsift.calls c on c.run_id = s.run_id
    where a.id > ${afterAttempt}::bigint order by a.id limit ${limit}`.execute(db)
  return rows.rows
}

/** Those of the attempts that have ended by now. */
export async function listEnded(db: Queryable, attempts: readonly string[]): Promise<string[]> {
  if (attempts.length === 0) return []
  const rows = await sql<{ id: string }>`select id from callsift.attempts
    where id = any(${attempts as string[]}::bigint[]) and finished_at is not null`.execute(db)
  return rows.rows.map((row) => row.id)
}

export async function readNewestAttempt(db: Queryable): Promise<string> {
  const rows = await sql<{ id: string }>`select coalesce(max(id), 0)::text as id from callsift.attempts`.execute(db)
  return rows.rows[0]?.id ?? '0'
}
