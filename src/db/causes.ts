import { sql } from 'kysely'
import type { Queryable } from './connect.ts'

export interface Cause {
  /** Of attempts that were used up, what the last of them met. */
  readonly class: string
  readonly exhausted: boolean
  /** `parked` needs a person, `blocked` stands behind a closed gate, `waiting` goes on by itself. */
  readonly standing: 'parked' | 'blocked' | 'waiting'
  readonly step: string
  readonly calls: number
  readonly firstAt: Date
  readonly lastAt: Date
  readonly nextDueAt: Date | null
  readonly message: string | null
  readonly hint: string | null
  readonly policy: string | null
  readonly httpStatus: number | null
  readonly requestId: string | null
  /** One of the calls that met it last. */
  readonly callId: string | null
  readonly mark: 'resolved' | 'ignored' | null
  readonly markedAt: Date | null
  readonly markedBy: string | null
  readonly ignoredUntil: Date | null
  /** Calls that met it after it was called resolved. */
  readonly since: number
}

/** Why calls stand still, by class and step: how many, since when, the newest one's own words, and what was decided about it. */
export async function listCausesInFull(db: Queryable): Promise<Cause[]> {
  const rows = await sql<Cause>`
    with standing as (
      select s.id, s.run_id, s.name, coalesce(case when s.class = 'exhausted' then a.class end, s.class) as class,
          s.class = 'exhausted' as exhausted, 'parked' as standing, coalesce(s.finished_at, s.created_at) as at, null::timestamptz as due_at
        from callsift.steps s
        left join callsift.attempts a on a.step_id = case when s.class = 'exhausted' then s.id end and a.fence = s.fence
        where s.state = 'parked' and s.class is not null
      union all
      select id, run_id, name, class, false, case when blocked_by is null then 'waiting' else 'blocked' end, created_at, due_at
        from callsift.steps where state = 'ready' and class is not null
          and (blocked_by is not null or due_at > clock_timestamp() or class = 'unknown_step')),
    groups as (
      select s.class, s.standing, s.name, count(distinct s.run_id)::int as calls, min(s.at) as first_at, max(s.at) as last_at,
        min(s.due_at) as due_at, max(s.id) as newest, max(s.run_id) as run_id,
        bool_or(s.exhausted) as exhausted, count(distinct s.run_id) filter (where s.at > m.at)::int as since
      from standing s left join callsift.cause_marks m on m.class = s.class group by s.class, s.standing, s.name)
    select g.class, g.exhausted, g.standing, g.name as step, g.calls, g.first_at as "firstAt", g.last_at as "lastAt",
      case when g.standing = 'waiting' then g.due_at end as "nextDueAt", n.message, n.hint, n.policy,
      a.http_status as "httpStatus", a.request_id as "requestId", c.id as "callId",
      m.state as mark, m.at as "markedAt", m.actor as "markedBy", m.until as "ignoredUntil", g.since
    from groups g
    join callsift.steps n on n.id = g.newest
    left join lateral (select http_status, request_id from callsift.attempts where step_id = g.newest order by fence desc limit 1) a on true
    left join lateral (select id from callsift.calls where run_id = n.run_id limit 1) c on true
    left join callsift.cause_marks m on m.class = g.class and (m.state = 'resolved' or m.until > clock_timestamp())
    order by g.standing = 'parked' desc, g.calls desc, g.class`.execute(db)
  return rows.rows
}

export async function markCause(
  db: Queryable,
  mark: { class: string; state: 'resolved' | 'ignored'; until: Date | null; actor: string },
): Promise<void> {
  await sql`insert into callsift.cause_marks (class, state, at, until, actor)
    values (${mark.class}, ${mark.state}, clock_timestamp(), ${mark.until}, ${mark.actor})
    on conflict (class) do update set state = excluded.state, at = excluded.at, until = excluded.until, actor = excluded.actor`.execute(
    db,
  )
}

export async function unmarkCause(db: Queryable, failureClass: string): Promise<boolean> {
  const gone = await sql`delete from callsift.cause_marks where class = ${failureClass} returning class`.execute(db)
  return gone.rows.length > 0
}
