import { sql } from 'kysely'
import type { Queryable } from './connect.ts'

export interface ContactRead {
  readonly seenHash: string
  /** What the record lacked then; what is missing now and was then is nothing new. */
  readonly askedFor: readonly string[]
  /** What was found stands in the CRM, or there was nothing to be written. */
  readonly written: boolean
  readonly runId: string
  /** What that run found, while it is kept. */
  readonly found: unknown
}

export async function readContactRead(
  db: Queryable,
  portalId: string,
  collection: string,
  recordId: number,
): Promise<ContactRead | null> {
  const rows =
    await sql<ContactRead>`select c.seen_hash as "seenHash", c.asked_for as "askedFor", c.written, c.run_id as "runId",
      (select s.output from callsift.steps s where s.run_id = c.run_id and s.name = 'readContact' and s.state = 'done'
        order by s.generation desc limit 1) as found
    from callsift.contact_reads c where c.portal_id = ${portalId} and c.collection = ${collection} and c.record_id = ${recordId}`.execute(
      db,
    )
  return rows.rows[0] ?? null
}

export async function saveContactRead(
  db: Queryable,
  read: {
    readonly portalId: string
    readonly collection: string
    readonly recordId: number
    readonly seenHash: string
    readonly askedFor: readonly string[]
    readonly written: boolean
    readonly runId: string
  },
): Promise<void> {
  await sql`insert into callsift.contact_reads (portal_id, collection, record_id, seen_hash, asked_for, written, run_id)
    values (${read.portalId}, ${read.collection}, ${read.recordId}, ${read.seenHash}, ${read.askedFor}::text[], ${read.written}, ${read.runId})
    on conflict (portal_id, collection, record_id) do update set seen_hash = excluded.seen_hash, asked_for = excluded.asked_for, written = excluded.written,
      run_id = excluded.run_id, read_at = now()`.execute(db)
}
