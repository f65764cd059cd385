import { sql } from 'kysely'
import type { Queryable } from './connect.ts'
import type { InboxOutcome } from './schema.ts'

export interface DeliveryLine {
  readonly id: string
  readonly receivedAt: Date
  readonly portalId: string | null
  readonly source: string
  readonly event: string | null
  readonly outcome: InboxOutcome
  readonly reason: string | null
  readonly callId: string | null
  readonly masked: unknown
}

/** What came in, newest first, also what was ignored or refused. */
export async function listDeliveries(
  db: Queryable,
  filter: {
    portalId?: string | undefined
    outcome?: InboxOutcome | undefined
    cursor?: string | undefined
    limit: number
  },
): Promise<DeliveryLine[]> {
  const rows = await sql<DeliveryLine>`
    select id, received_at as "receivedAt", portal_id as "portalId", source, event, outcome, reason, call_id as "callId", masked
    from callsift.inbox
    where (${filter.cursor ?? null}::bigint is null or id < ${filter.cursor ?? null}::bigint)
      and (${filter.portalId ?? null}::text is null or portal_id = ${filter.portalId ?? null}::text)
      and (${filter.outcome ?? null}::text is null or outcome = ${filter.outcome ?? null}::text)
    order by id desc limit ${filter.limit}`.execute(db)
  return rows.rows
}

/** Drops what refused and ignored deliveries were kept for looking at; accepted ones belong to their calls and stay. */
export async function pruneDeliveries(db: Queryable, olderThanDays: number): Promise<number> {
  const pruned = await sql`delete from callsift.inbox where id in (select id from callsift.inbox
    where received_at < now() - ${olderThanDays} * interval '1 day' and outcome in ('ignored', 'refused') limit 5000) returning id`.execute(
    db,
  )
  return pruned.rows.length
}

/** Whether a call is known by this CRM activity. */
export async function isActivityKnown(db: Queryable, portalId: string, activityId: string): Promise<boolean> {
  const row = await db
    .selectFrom('callsift.call_identities')
    .select('call_id')
    .where('identity', '=', `${portalId}|activity|${activityId}`)
    .executeTakeFirst()
  return row !== undefined
}
