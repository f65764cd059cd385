import { sql } from 'kysely'
import type { Queryable } from './connect.ts'

/** What the record says of the work that is open. Every query runs over an index of open rows, not over history. */
export interface RecordFigures {
  readonly ready: readonly { queue: string; standing: 'due' | 'waiting' | 'blocked'; n: number }[]
  readonly flying: readonly { queue: string; state: string; n: number }[]
  readonly parked: readonly { class: string; n: number }[]
  readonly oldestDueSeconds: number
  readonly gates: readonly { name: string; class: string; person: boolean; n: number }[]
  readonly slotsInUse: number
  readonly workers: readonly { version: string; n: number }[]
  readonly level: number
}

export async function readRecordFigures(db: Queryable, workerTtlMs: number): Promise<RecordFigures> {
  // now(), not clock_timestamp(): asked once, not for each of a hundred thousand rows.
  const ready = await sql<RecordFigures['ready'][number] & { oldest: number | null }>`
    select queue, case when blocked_by is not null then 'blocked' when due_at > now() then 'waiting' else 'due' end as standing,
      count(*)::int as n, extract(epoch from now() - min(due_at))::float8 as oldest
    from callsift.steps where state = 'ready' group by 1, 2`.execute(db)
  const flying = await sql<RecordFigures['flying'][number]>`
    select queue, state, count(*)::int as n from callsift.steps where state in ('dispatched', 'running') group by 1, 2`.execute(
    db,
  )
  const parked = await sql<RecordFigures['parked'][number]>`
    select coalesce(class, 'none') as class, count(*)::int as n from callsift.steps where state = 'parked' group by 1`.execute(
    db,
  )
  const gates = await sql<RecordFigures['gates'][number]>`
    select name, coalesce(class, 'none') as class, closed_until = 'infinity' as person, count(*)::int as n
    from callsift.gates where closed_until > clock_timestamp() group by 1, 2, 3`.execute(db)
  const rest = await sql<{ slots: number; level: number }>`
    select (select count(*)::int from callsift.slots where lease_until > clock_timestamp()) as slots,
      (select value::int from callsift.meta where key = 'level') as level`.execute(db)
  const workers = await sql<RecordFigures['workers'][number]>`
    select version, count(*)::int as n from callsift.workers
    where heartbeat_at > clock_timestamp() - ${workerTtlMs} * interval '1 millisecond' group by 1`.execute(db)
  return {
    ready: ready.rows,
    flying: flying.rows,
    parked: parked.rows,
    oldestDueSeconds: Math.max(0, ...ready.rows.filter((row) => row.standing === 'due').map((row) => row.oldest ?? 0)),
    gates: gates.rows,
    slotsInUse: rest.rows[0]?.slots ?? 0,
    workers: workers.rows,
    level: rest.rows[0]?.level ?? 0,
  }
}

/**
 * Is the queue stuck: a step has been due (or handed to the queue) for longer than `stuckMs`, nothing stands in its way, no other
 * step of its key and family runs, and a living worker of its queue has nothing to do? Looks at the oldest of each portal and family.
 */
export async function isQueueStuck(db: Queryable, limits: { workerTtlMs: number; stuckMs: number }): Promise<boolean> {
  const late = sql`clock_timestamp() - ${limits.stuckMs} * interval '1 millisecond'`
  const found = await sql<{ stuck: boolean }>`
    with idle as materialized (
      select string_to_array(w.queues, ',') as queues from callsift.workers w
      where w.heartbeat_at > clock_timestamp() - ${limits.workerTtlMs} * interval '1 millisecond'
        and w.started_at < ${late} and not exists (select 1 from callsift.steps s where s.worker_id = w.id and s.state = 'running')
    )
    select exists (
      select 1 from callsift.portals p
      cross join (values ('ai'), ('crm'), ('portal'), ('none')) f (family)
      cross join lateral (
        (select s.queue from callsift.steps s
          where s.state = 'ready' and s.portal_id = p.id and s.family = f.family and s.due_at < ${late}
            and s.class is distinct from 'unknown_step'
            and (s.blocked_by is null or not exists (select 1 from callsift.gates b
              where b.key_id = p.key_id and b.name = s.blocked_by and b.closed_until > clock_timestamp()))
          order by s.priority, s.due_at, s.id limit 1)
        union all
        (select s.queue from callsift.steps s
          where s.state = 'dispatched' and s.portal_id = p.id and s.family = f.family and s.dispatched_at < ${late} limit 1)
      ) c
      where exists (select 1 from idle)
        and not exists (select 1 from callsift.gates g
          where g.key_id = p.key_id and g.name in ('key', f.family) and g.closed_until > clock_timestamp())
        and not exists (select 1 from callsift.steps r join callsift.portals o on o.id = r.portal_id
          where r.state = 'running' and r.family = f.family and (o.id = p.id or (f.family = 'ai' and o.key_id = p.key_id)))
        and exists (select 1 from idle where c.queue = any(idle.queues))
    ) as stuck`.execute(db)
  return found.rows[0]?.stuck ?? false
}
