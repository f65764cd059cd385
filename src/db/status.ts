import { sql } from 'kysely'
import type { Queryable } from './connect.ts'

export interface WorkerLine {
  readonly id: string
  readonly host: string
  readonly pid: number
  readonly queues: string
  readonly version: string
  readonly heardMsAgo: number
  readonly alive: boolean
}

export async function listWorkers(db: Queryable, ttlMs: number): Promise<WorkerLine[]> {
  const rows = await sql<Omit<WorkerLine, 'alive'>>`select id, host, pid, queues, version,
      extract(epoch from clock_timestamp() - heartbeat_at)::float8 * 1000 as "heardMsAgo"
    from callsift.workers order by started_at`.execute(db)
  return rows.rows.map((row) => ({ ...row, heardMsAgo: Math.round(row.heardMsAgo), alive: row.heardMsAgo < ttlMs }))
}

/**
 * Calls by how far they are; runs of other workflows are none. Nearly all are done: those are what is left of all when the others, which
 * an index finds, are taken off, for to sort them by state costs twice as much as to count them.
 */
export async function countRuns(db: Queryable): Promise<Record<'running' | 'done' | 'parked' | 'cancelled', number>> {
  const rows = await sql<{ state: string | null; n: number }>`
    select state, count(*)::int as n from callsift.runs
      where workflow = 'call' and state in ('running', 'parked', 'cancelled') group by state
    union all select null, count(*)::int from callsift.runs where workflow = 'call'`.execute(db)
  const of = (state: string | null) => rows.rows.find((row) => row.state === state)?.n ?? 0
  const open = { running: of('running'), parked: of('parked'), cancelled: of('cancelled') }
  return { ...open, done: of(null) - open.running - open.parked - open.cancelled }
}

/** Calls that need a person. */
export async function countParked(db: Queryable): Promise<number> {
  const rows = await sql<{ n: number }>`select count(*)::int as n from callsift.runs
    where workflow = 'call' and state = 'parked'`.execute(db)
  return rows.rows[0]?.n ?? 0
}

export interface CauseRow {
  readonly class: string
  readonly state: 'waiting' | 'blocked' | 'parked'
  readonly steps: number
  readonly runs: number
  readonly message: string | null
  readonly hint: string | null
  readonly oldestAt: Date
  readonly nextDueAt: Date | null
}

/** Why steps stand still, grouped by class; each with the newest step's own words. */
export async function listCauses(db: Queryable): Promise<CauseRow[]> {
  const rows = await sql<CauseRow>`
    select s.class, s.standing as state, count(*)::int as steps, count(distinct s.run_id)::int as runs,
      (array_agg(s.message order by s.id desc))[1] as message, (array_agg(s.hint order by s.id desc))[1] as hint,
      min(s.created_at) as "oldestAt", min(s.due_at) filter (where s.standing = 'waiting') as "nextDueAt"
    from (select steps.*, case when state = 'parked' then 'parked' when blocked_by is not null then 'blocked' else 'waiting' end as standing
      from callsift.steps where class is not null
        and (state = 'parked' or state = 'ready' and (blocked_by is not null or due_at > clock_timestamp() or class = 'unknown_step'))) s
    group by s.class, s.standing order by count(*) desc, s.class`.execute(db)
  return rows.rows
}

/** Ready steps behind each closed gate: those that met it, and those that were not even sent to it. */
export async function countBehindGates(db: Queryable): Promise<{ keyId: string; name: string; steps: number }[]> {
  const rows = await sql<{ keyId: string; name: string; steps: number }>`
    select g.key_id as "keyId", g.name, count(s.id)::int as steps
    from callsift.gates g
    left join callsift.portals p on p.key_id = g.key_id
    left join callsift.steps s on s.portal_id = p.id and s.state = 'ready'
      and (s.blocked_by = g.name or (g.name = 'key' and s.family <> 'none') or s.family = g.name)
    where g.closed_until > clock_timestamp() group by g.key_id, g.name`.execute(db)
  return rows.rows
}

/** The running call that was taken in first. */
export async function findOldestRunning(db: Queryable): Promise<{ callId: string; since: Date; ageMs: number } | null> {
  const rows = await sql<{ callId: string; since: Date; ageMs: number }>`
    select c.id as "callId", r.created_at as since, extract(epoch from clock_timestamp() - r.created_at)::float8 * 1000 as "ageMs"
    from callsift.runs r join callsift.calls c on c.run_id = r.id
    where r.state = 'running' order by r.created_at limit 1`.execute(db)
  const row = rows.rows[0]
  return row === undefined ? null : { ...row, ageMs: Math.round(row.ageMs) }
}

/** Timeline entries written since midnight UTC; what was done beside them is not counted. */
export async function countWrittenToday(db: Queryable): Promise<number> {
  const rows = await sql<{ n: number }>`select count(*)::int as n from callsift.effects
    where kind = 'timeline' and state = 'written' and written_at >= date_trunc('day', now() at time zone 'utc') at time zone 'utc'`.execute(
    db,
  )
  return rows.rows[0]?.n ?? 0
}

export async function askRecord(db: Queryable): Promise<void> {
  await sql`select 1`.execute(db)
}
