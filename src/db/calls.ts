import { sql } from 'kysely'
import type { Queryable } from './connect.ts'
import type { RunState } from './schema.ts'

/** `+7 495 123-45-67` becomes `***4567`. */
export function maskPhone(phone: string | null): string | null {
  if (phone === null || phone === '') return null
  return `***${phone.replace(/\D/g, '').slice(-4)}`
}

/**
 * Finds a call by our id, the portal's CALL_ID or its CRM activity's id, in this order; `call:…` and `activity:…` say which.
 * Ids only of calls that stand: a merged one leads to the call it was merged into.
 */
export async function findCallId(db: Queryable, name: string, portalId?: string): Promise<string | null> {
  const typed = /^(call|activity):(.+)$/s.exec(name)
  const value = typed?.[2] ?? name
  const isNumber = /^[1-9]\d{0,17}$/.test(value)
  const rows = await sql<{ id: string }>`
    select coalesce(c.merged_into, c.id) as id,
      case when ${typed === null && isNumber}::boolean and c.id::text = ${value}::text then 0 when c.call_ref = ${value}::text then 1 else 2 end as rank
    from callsift.calls c
    where (${portalId ?? null}::text is null or c.portal_id = ${portalId ?? null}::text)
      and ((${typed === null && isNumber}::boolean and c.id = ${isNumber ? value : '0'}::bigint)
        or (${typed?.[1] !== 'activity'}::boolean and c.id in (select call_id from callsift.call_identities i, callsift.portals p
          where i.identity = p.id || '|call|' || ${value}::text))
        or (${typed?.[1] !== 'call'}::boolean and c.id in (select call_id from callsift.call_identities i, callsift.portals p
          where i.identity = p.id || '|activity|' || ${value}::text)))
    order by rank, c.id limit 1`.execute(db)
  return rows.rows[0]?.id ?? null
}

/** Puts a person's word about where the entry goes into the call's row. */
export async function assignEntity(
  db: Queryable,
  callId: string,
  entity: { entityTypeId: number; entityId: string },
): Promise<void> {
  await sql`update callsift.calls set entity_type_id = ${entity.entityTypeId}, entity_id = ${entity.entityId} where id = ${callId}`.execute(
    db,
  )
}

/** The next write of this call is another entry than the one written before. Returns its number. */
export async function raiseIntent(db: Queryable, callId: string): Promise<number> {
  const raised = await sql<{
    intent_no: number
  }>`update callsift.calls set intent_no = intent_no + 1 where id = ${callId}
    returning intent_no`.execute(db)
  return raised.rows[0]?.intent_no ?? 0
}

export async function readRunState(db: Queryable, runId: string): Promise<RunState> {
  return (await db.selectFrom('callsift.runs').select('state').where('id', '=', runId).executeTakeFirstOrThrow()).state
}

/** The generation a run is in; nobody else starts another before the transaction ends. */
export async function lockGeneration(trx: Queryable, runId: string): Promise<number> {
  const row = await trx
    .selectFrom('callsift.runs')
    .select('generation')
    .where('id', '=', runId)
    .forUpdate()
    .executeTakeFirstOrThrow()
  return row.generation
}
