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

/** So many rows go in a statement: on the embedded record a longer one would hold everything up. */
const pruneBatch = 2_000

/**
 * What was ignored or refused, and what told of a call that was known already, is for looking into: of each portal the newest `keep` of
 * either stay (those of unknown senders count as one more portal's), and none for longer than `maxDays`. The delivery that a call began
 * with stays with it. Returns how many went.
 */
export async function pruneDeliveries(
  db: Queryable,
  limits: { readonly keep: number; readonly maxDays: number },
): Promise<number> {
  let pruned = 0
  // Each has its own index, whose condition stands in the text.
  for (const aside of [sql`outcome in ('ignored', 'refused')`, sql`outcome = 'duplicate'`]) {
    for (let gone = pruneBatch; gone === pruneBatch; pruned += gone) {
      const { rows } = await sql`delete from callsift.inbox where id in (
        select id from (
          select id, received_at, row_number() over (partition by portal_id order by id desc) as place
          from callsift.inbox where ${aside}) aside
        where place > ${limits.keep} or received_at < now() - ${limits.maxDays} * interval '1 day'
        limit ${pruneBatch}) returning id`.execute(db)
      gone = rows.length
    }
  }
  return pruned
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
