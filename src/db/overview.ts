import { sql } from 'kysely'
import type { Queryable } from './connect.ts'

export interface HourOfCalls {
  readonly hour: Date
  readonly calls: number
  readonly failed: number
}

/** Calls taken in by hour, and those of them that need a person now; hours without calls too. */
export async function readHours(db: Queryable, hours: number): Promise<HourOfCalls[]> {
  const rows = await sql<HourOfCalls>`
    select h as hour, coalesce(n.calls, 0)::int as calls, coalesce(n.failed, 0)::int as failed
    from generate_series(date_trunc('hour', now()) - ${hours - 1} * interval '1 hour', date_trunc('hour', now()), interval '1 hour') h
    left join (select date_trunc('hour', c.created_at) as hour, count(*) as calls, count(*) filter (where r.state = 'parked') as failed
      from callsift.calls c join callsift.runs r on r.id = c.run_id
      where c.created_at >= date_trunc('hour', now()) - ${hours - 1} * interval '1 hour' group by 1) n on n.hour = h
    order by h`.execute(db)
  return rows.rows
}

export interface DayFigures {
  readonly written: number
  /** From being taken in to standing in the timeline, ms. */
  readonly p50Ms: number | null
  readonly p95Ms: number | null
  readonly high: number
  readonly medium: number
  readonly low: number
  readonly heardSeconds: number
  readonly tokens: number
}

/** Of what was done within the last so many hours. */
export async function readFigures(db: Queryable, hours: number): Promise<DayFigures> {
  const since = sql`now() - ${hours} * interval '1 hour'`
  const times = await sql<{ written: number; p50Ms: number | null; p95Ms: number | null }>`
    select count(*)::int as written,
      percentile_cont(0.5) within group (order by extract(epoch from e.written_at - r.created_at) * 1000)::float8 as "p50Ms",
      percentile_cont(0.95) within group (order by extract(epoch from e.written_at - r.created_at) * 1000)::float8 as "p95Ms"
    from callsift.effects e join callsift.runs r on r.id = e.run_id
    where e.kind = 'timeline' and e.state = 'written' and e.written_at >= ${since} and e.intent_no = 1`.execute(db)
  const verdicts = await sql<Omit<DayFigures, 'written' | 'p50Ms' | 'p95Ms'>>`
    select count(*) filter (where v.output->>'quality' = 'high')::int as high,
      count(*) filter (where v.output->>'quality' = 'medium')::int as medium,
      count(*) filter (where v.output->>'quality' = 'low')::int as low,
      coalesce(sum((a.output->>'heardSeconds')::float8), 0)::float8 as "heardSeconds",
      coalesce(sum((v.output->'usage'->>'promptTokens')::float8 + (v.output->'usage'->>'completionTokens')::float8), 0)::float8 as tokens
    from callsift.calls c join callsift.runs r on r.id = c.run_id
    join callsift.steps v on v.run_id = r.id and v.generation = r.generation and v.name = 'classifyLead' and v.index = 0 and v.state = 'done'
    left join callsift.steps a on a.run_id = r.id and a.generation = r.generation and a.name = 'planAudio' and a.index = 0 and a.state = 'done'
    where c.created_at >= ${since}`.execute(db)
  const time = times.rows[0] ?? { written: 0, p50Ms: null, p95Ms: null }
  const verdict = verdicts.rows[0] ?? { high: 0, medium: 0, low: 0, heardSeconds: 0, tokens: 0 }
  return { ...time, ...verdict }
}

/** Steps that are due and wait, and since when the oldest of them is. Each state has an index of its own, both together have none. */
export async function readBacklog(db: Queryable): Promise<{ steps: number; oldestDueAt: Date | null }> {
  const rows = await sql<{
    steps: number
    oldestDueAt: Date | null
  }>`select count(*)::int as steps, min(due_at) as "oldestDueAt"
    from (select due_at, blocked_by from callsift.steps where state = 'ready'
      union all select due_at, blocked_by from callsift.steps where state = 'dispatched') s
    where due_at <= clock_timestamp() and blocked_by is null`.execute(db)
  return rows.rows[0] ?? { steps: 0, oldestDueAt: null }
}
