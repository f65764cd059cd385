import { sql } from 'kysely'
import type { Queryable } from './connect.ts'
import type { RunState } from './schema.ts'

/** One line of the list of calls. Phones keep their last four digits. */
export interface CallLine {
  readonly id: string
  readonly portalId: string
  readonly callRef: string | null
  readonly activityId: string | null
  readonly source: string
  readonly direction: 'in' | 'out' | null
  readonly phone: string | null
  readonly durationSeconds: number | null
  readonly startedAt: Date | null
  readonly createdAt: Date
  readonly state: RunState
  readonly class: string | null
  readonly quality: string | null
  readonly score: number | null
  readonly written: string | null
}

export interface CallFilter {
  readonly state?: RunState | undefined
  readonly portalId?: string | undefined
  /** Of the run, or of a step that waits or is parked now. */
  readonly class?: string | undefined
  /** Calls with ids below this: the last one of the page before. */
  readonly cursor?: string | undefined
  readonly limit: number
}

/** `+7 495 123-45-67` becomes `***4567`. */
export function maskPhone(phone: string | null): string | null {
  if (phone === null || phone === '') return null
  return `***${phone.replace(/\D/g, '').slice(-4)}`
}

/** Newest first. */
export async function listCalls(db: Queryable, filter: CallFilter): Promise<CallLine[]> {
  const rows = await sql<Omit<CallLine, 'phone'> & { phone: string | null }>`
    select c.id, c.portal_id as "portalId", c.call_ref as "callRef", c.activity_id as "activityId", c.source, c.direction, c.phone,
      c.duration_s as "durationSeconds", c.started_at as "startedAt", c.created_at as "createdAt", r.state,
      coalesce(r.class, w.class) as class, v.output->>'quality' as quality, (v.output->>'score')::float8 as score,
      t.output->>'state' as written
    from callsift.calls c
    join callsift.runs r on r.id = c.run_id
    left join callsift.steps v on v.run_id = r.id and v.generation = r.generation and v.name = 'classifyLead' and v.state = 'done'
    left join callsift.steps t on t.run_id = r.id and t.generation = r.generation and t.name = 'writeTimeline' and t.state = 'done'
    left join lateral (select s.class from callsift.steps s where s.run_id = r.id and s.generation = r.generation
      and s.state = 'ready' and s.class is not null limit 1) w on true
    where (${filter.cursor ?? null}::bigint is null or c.id < ${filter.cursor ?? null}::bigint)
      and (${filter.state ?? null}::text is null or r.state = ${filter.state ?? null}::text)
      and (${filter.portalId ?? null}::text is null or c.portal_id = ${filter.portalId ?? null}::text)
      and (${filter.class ?? null}::text is null or r.class = ${filter.class ?? null}::text or w.class = ${filter.class ?? null}::text)
    order by c.id desc limit ${filter.limit}`.execute(db)
  return rows.rows.map((row) => ({ ...row, phone: maskPhone(row.phone) }))
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
