import { sql } from 'kysely'
import { againOnDeadlock } from './again-on-deadlock.ts'
import { type CallFilter, selectCallIds } from './call-search.ts'
import type { Database, Queryable } from './connect.ts'

export interface BulkRetry {
  readonly id: string
  readonly actor: string
  readonly reason: string | null
  readonly filter: unknown
  readonly from: string | null
  readonly total: number
  readonly done: number
  readonly outcomes: Readonly<Record<string, number>>
  readonly createdAt: Date
  readonly finishedAt: Date | null
}

/** Writes down which calls are meant, once: what fails while it runs is not taken along. */
export async function createBulkRetry(
  db: Database,
  facts: { actor: string; reason: string | null; filter: CallFilter; asked: unknown; from: string | null },
): Promise<string> {
  return await db.transaction().execute(async (trx) => {
    const made = await sql<{ id: string }>`insert into callsift.bulk_retries (actor, reason, filter, from_step, total)
      values (${facts.actor}, ${facts.reason}, ${JSON.stringify(facts.asked)}::jsonb, ${facts.from}, 0) returning id`.execute(
      trx,
    )
    const id = made.rows[0]?.id ?? ''
    const placed = await sql`insert into callsift.bulk_retry_calls (bulk_id, call_id)
      select ${id}::bigint, m.id from (${selectCallIds(facts.filter)}) m`.execute(trx)
    const total = Number(placed.numAffectedRows ?? 0n)
    await sql`update callsift.bulk_retries set total = ${total}, finished_at = ${total === 0 ? sql`now()` : sql`null`}
      where id = ${id}`.execute(trx)
    return id
  })
}

export async function readBulkRetries(
  db: Queryable,
  wanted: { id?: string | undefined; open?: boolean; limit: number },
): Promise<BulkRetry[]> {
  const rows = await sql<Omit<BulkRetry, 'done'>>`
    select b.id, b.actor, b.reason, b.filter, b.from_step as "from", b.total, b.created_at as "createdAt", b.finished_at as "finishedAt",
      coalesce((select jsonb_object_agg(o.outcome, o.n) from (select outcome, count(*) as n from callsift.bulk_retry_calls
        where bulk_id = b.id and outcome is not null group by outcome) o), '{}') as outcomes
    from callsift.bulk_retries b
    where ${wanted.id === undefined ? sql`true` : sql`b.id = ${wanted.id}`}
      and ${wanted.open === true ? sql`b.finished_at is null` : sql`true`}
    order by b.id desc limit ${wanted.limit}`.execute(db)
  return rows.rows.map((row) => ({ ...row, done: Object.values(row.outcomes).reduce((sum, n) => sum + n, 0) }))
}

export interface BulkTurn {
  readonly bulkId: string
  readonly from: string | null
  readonly calls: readonly { readonly callId: string; readonly runId: string; readonly state: string }[]
}

/**
 * Retries the parked steps of the next calls of the oldest open bulk retry, all in one transaction; several processes take different
 * ones. Those of a retry from a step are only handed out, each to be run again by itself. Null where nothing is open.
 */
export async function takeBulkTurn(db: Database, size: number): Promise<BulkTurn | null> {
  return await againOnDeadlock(() =>
    db.transaction().execute(async (trx) => {
      const open = await sql<{
        id: string
        from: string | null
      }>`select id, from_step as "from" from callsift.bulk_retries
        where finished_at is null order by id limit 1 for update skip locked`.execute(trx)
      const bulk = open.rows[0]
      if (bulk === undefined) return null
      const next = await sql<{ callId: string; runId: string; state: string }>`
        select b.call_id as "callId", r.id as "runId", r.state
        from callsift.bulk_retry_calls b join callsift.calls c on c.id = b.call_id join callsift.runs r on r.id = c.run_id
        where b.bulk_id = ${bulk.id} and b.outcome is null order by b.call_id limit ${size}`.execute(trx)
      if (next.rows.length === 0) {
        // What is left without a row was erased meanwhile.
        await sql`update callsift.bulk_retries set finished_at = now() where id = ${bulk.id}`.execute(trx)
        await sql`update callsift.bulk_retry_calls set outcome = 'gone' where bulk_id = ${bulk.id} and outcome is null`.execute(
          trx,
        )
        return { bulkId: bulk.id, from: bulk.from, calls: [] }
      }
      if (bulk.from === null) await retryInOneGo(trx, bulk.id, next.rows)
      return { bulkId: bulk.id, from: bulk.from, calls: next.rows }
    }),
  )
}

/** What `retryParked` does for one run, for many: a round trip each would hold the embedded record up for a minute. */
async function retryInOneGo(
  trx: Queryable,
  bulkId: string,
  calls: readonly { callId: string; runId: string }[],
): Promise<void> {
  const runIds = calls.map((call) => call.runId)
  await sql`select id from callsift.runs where id = any(${runIds}::bigint[]) order by id for update`.execute(trx)
  const freed = await sql<{ runId: string }>`
    update callsift.steps s set state = 'ready', due_at = clock_timestamp(), attempts = 0, laters = 0, later_since = null,
      crashes = 0, alone = false, alone_crashes = 0, blocked_by = null, finished_at = null
    from callsift.runs r where r.id = s.run_id and s.run_id = any(${runIds}::bigint[]) and s.generation = r.generation
      and s.state = 'parked' returning s.run_id as "runId"`.execute(trx)
  const retried = new Set(freed.rows.map((row) => row.runId))
  await sql`update callsift.runs set state = 'running', class = null, updated_at = clock_timestamp()
    where id = any(${[...retried]}::bigint[])`.execute(trx)
  const split = (was: boolean) => calls.filter((call) => retried.has(call.runId) === was).map((call) => call.callId)
  await noteOutcome(trx, bulkId, split(true), 'retried')
  await sql`update callsift.bulk_retry_calls b set outcome = case r.state when 'running' then 'running' else 'nothing_parked' end
    from callsift.calls c join callsift.runs r on r.id = c.run_id
    where b.bulk_id = ${bulkId} and b.call_id = c.id and c.id = any(${split(false)}::bigint[])`.execute(trx)
}

export async function noteOutcome(
  db: Queryable,
  bulkId: string,
  callIds: readonly string[],
  outcome: string,
): Promise<void> {
  await sql`update callsift.bulk_retry_calls set outcome = ${outcome}
    where bulk_id = ${bulkId} and call_id = any(${callIds as string[]}::bigint[])`.execute(db)
}
