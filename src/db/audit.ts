import { sql } from 'kysely'
import type { Queryable } from './connect.ts'

/** Notes that somebody is about to change something; the row stands even where the change then dies half-way. */
export async function startAudit(
  db: Queryable,
  entry: { actor: string; action: string; subject: string; detail?: Record<string, unknown> },
): Promise<string> {
  const row = await db
    .insertInto('callsift.audit')
    .values({
      actor: entry.actor,
      action: entry.action,
      subject: entry.subject,
      detail: JSON.stringify({ ...entry.detail, outcome: 'started' }),
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  return row.id
}

/** `subject` replaces the one of the start, where only the end knows it by its own id. */
export async function finishAudit(db: Queryable, id: string, outcome: string, subject?: string): Promise<void> {
  const ending = JSON.stringify({ outcome: outcome.slice(0, 300) })
  await sql`update callsift.audit set detail = detail || ${ending}::jsonb, subject = coalesce(${subject ?? null}::text, subject)
    where id = ${id}`.execute(db)
}

export async function listAudit(
  db: Queryable,
  subject: string,
): Promise<{ at: Date; actor: string; action: string; detail: unknown }[]> {
  return await db
    .selectFrom('callsift.audit')
    .select(['at', 'actor', 'action', 'detail'])
    .where('subject', '=', subject)
    .orderBy('id', 'desc')
    .limit(50)
    .execute()
}
