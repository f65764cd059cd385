import { sql } from 'kysely'
import type { Queryable } from './connect.ts'

/**
 * A whole day, week (from Monday) or month on the clocks of the time zone, the last that was over at `now`; or days by their dates, both
 * of them included.
 */
export async function readPeriod(
  db: Queryable,
  wanted: {
    period: 'day' | 'week' | 'month'
    from?: string | undefined
    to?: string | undefined
    now: Date
    timeZone: string
  },
): Promise<{ from: Date; to: Date; firstDay: string; lastDay: string }> {
  const { period, timeZone, now } = wanted
  const end =
    wanted.to === undefined
      ? sql`date_trunc(${period}, ${now}::timestamptz at time zone ${timeZone})`
      : sql`${wanted.to}::date + interval '1 day'`
  const start =
    wanted.from === undefined ? sql`(${end}) - ('1 ' || ${period})::interval` : sql`${wanted.from}::date::timestamp`
  const rows = await sql<{ from: Date; to: Date; firstDay: string; lastDay: string }>`
    select s at time zone ${timeZone} as "from", e at time zone ${timeZone} as "to", to_char(s, 'YYYY-MM-DD') as "firstDay",
      to_char(e - interval '1 day', 'YYYY-MM-DD') as "lastDay"
    from (select (${start})::timestamp as s, (${end})::timestamp as e) p`.execute(db)
  const [row] = rows.rows
  if (row === undefined) throw new Error('a period without a row')
  return row
}

export interface JudgedCall {
  readonly userId: string | null
  readonly quality: 'high' | 'medium' | 'low' | null
  readonly score: number | null
  readonly typeId: number | null
  readonly entityId: number | null
}

/** The calls of a portal in a period, each with what it was judged as and whose it is. */
export async function listJudgedCalls(
  db: Queryable,
  portalId: string,
  span: { from: Date; to: Date },
): Promise<JudgedCall[]> {
  const rows =
    await sql<JudgedCall>`select c.user_id as "userId", v.output->>'quality' as quality, (v.output->>'score')::int as score,
      (l.output->'entity'->>'typeId')::int as "typeId", (l.output->'entity'->>'id')::float8 as "entityId"
    from callsift.calls c
    left join lateral (select output from callsift.steps where run_id = c.run_id and name = 'classifyLead' and state = 'done'
      order by id desc limit 1) v on true
    left join lateral (select output from callsift.steps where run_id = c.run_id and name = 'locateRecording' and state = 'done'
      order by id desc limit 1) l on true
    where c.portal_id = ${portalId} and c.merged_into is null
      and coalesce(c.started_at, c.created_at) >= ${span.from} and coalesce(c.started_at, c.created_at) < ${span.to}`.execute(
      db,
    )
  return rows.rows
}
