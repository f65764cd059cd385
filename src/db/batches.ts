import { sql } from 'kysely'
import type { Queryable } from './connect.ts'
import type { RunState } from './schema.ts'

export interface BatchLine {
  readonly id: string
  readonly workflow: string
  readonly key: string
  readonly portalId: string
  readonly state: RunState
  readonly class: string | null
  readonly input: unknown
  readonly createdAt: Date
  readonly finishedAt: Date | null
  readonly paused: boolean
}

/** The gate behind which the steps of a paused batch wait. */
export function pauseGateName(batchId: string): string {
  return `batch ${batchId}`
}

const line = sql`r.id, r.workflow, r.key, r.portal_id as "portalId", r.state, r.class, r.input, r.created_at as "createdAt",
  r.finished_at as "finishedAt", exists (select 1 from callsift.gates g
    where g.name = 'batch ' || r.id and g.closed_until > clock_timestamp()) as paused`

/** Runs of the named workflows, newest first. */
export async function listBatches(db: Queryable, workflows: readonly string[], limit: number): Promise<BatchLine[]> {
  const rows = await sql<BatchLine>`select ${line} from callsift.runs r
    where r.workflow = any(${workflows}::text[]) order by r.id desc limit ${limit}`.execute(db)
  return rows.rows
}

/** Those that run or need a person, the oldest first, each with how many of its own runs are open and how many there are. */
export async function listOpenBatches(
  db: Queryable,
  workflows: readonly string[],
): Promise<(BatchLine & { runs: number; openRuns: number })[]> {
  const rows = await sql<BatchLine & { runs: number; openRuns: number }>`select ${line}, n.runs, n.open as "openRuns"
    from callsift.runs r cross join lateral (select count(*)::int as runs, count(*) filter (where c.state = 'running')::int as open
      from callsift.steps s join callsift.runs c on c.parent_step_id = s.id where s.run_id = r.id) n
    where r.workflow = any(${workflows}::text[]) and r.state in ('running', 'parked') order by r.id limit 50`.execute(
    db,
  )
  return rows.rows
}

export async function findBatch(db: Queryable, workflows: readonly string[], id: string): Promise<BatchLine | null> {
  const rows = await sql<BatchLine>`select ${line} from callsift.runs r
    where r.id = ${id} and r.workflow = any(${workflows}::text[])`.execute(db)
  return rows.rows[0] ?? null
}

export interface BatchStep {
  readonly batchId: string
  readonly name: string
  readonly state: string
  readonly class: string | null
  readonly message: string | null
  readonly hint: string | null
  readonly cursor: unknown
  readonly output: unknown
}

export async function listBatchSteps(db: Queryable, ids: readonly string[]): Promise<BatchStep[]> {
  const rows = await sql<BatchStep>`select run_id as "batchId", name, state, class, message, hint, cursor, output
    from callsift.steps where run_id = any(${ids as string[]}::bigint[]) order by id`.execute(db)
  return rows.rows
}

/** The batch's runs by state and class. */
export async function countBatchRuns(
  db: Queryable,
  id: string,
): Promise<{ state: RunState; class: string | null; runs: number }[]> {
  const rows = await sql<{ state: RunState; class: string | null; runs: number }>`
    select c.state, c.class, count(*)::int as runs from callsift.runs c join callsift.steps s on s.id = c.parent_step_id
    where s.run_id = ${id} group by c.state, c.class order by count(*) desc`.execute(db)
  return rows.rows
}

/** Of a batch's runs those that stand still, by class. */
export async function countFailures(db: Queryable, id: string): Promise<Record<string, number>> {
  const runs = await countBatchRuns(db, id)
  const parked = runs.filter((one) => one.state === 'parked')
  return Object.fromEntries(parked.map((one) => [one.class ?? 'unknown', one.runs]))
}

/** Runs by state of each of these batches. */
export async function countRunsOf(
  db: Queryable,
  ids: readonly string[],
): Promise<{ batchId: string; state: RunState; runs: number }[]> {
  const rows = await sql<{ batchId: string; state: RunState; runs: number }>`
    select s.run_id as "batchId", c.state, count(*)::int as runs from callsift.steps s
    join callsift.runs c on c.parent_step_id = s.id where s.run_id = any(${ids as string[]}::bigint[]) group by 1, 2`.execute(
    db,
  )
  return rows.rows
}

/** What rows of a batch may hold, in the order of their steps: the columns of its file. */
export async function listRowFields(db: Queryable, id: string): Promise<string[]> {
  const rows = await sql<{ name: string }>`select k.name from callsift.steps s
    join callsift.runs c on c.parent_step_id = s.id
    join callsift.steps o on o.run_id = c.id and o.generation = c.generation and o.state = 'done',
      lateral jsonb_object_keys(case jsonb_typeof(o.output) when 'object' then o.output else '{}'::jsonb end)
        with ordinality k (name, place)
    where s.run_id = ${id} group by k.name order by min(o.id), min(k.place)`.execute(db)
  return rows.rows.map((row) => row.name)
}

/** What the batch's runs brought, a page at a time in their order; outputs of all their steps as one object. */
export async function listBatchRows(
  db: Queryable,
  id: string,
  page: { afterId: string; limit: number },
): Promise<{ id: string; state: RunState; class: string | null; outputs: Record<string, unknown> }[]> {
  const rows = await sql<{ id: string; state: RunState; class: string | null; outputs: unknown[] | null }>`
    select c.id, c.state, c.class, (select json_agg(o.output order by o.id) from callsift.steps o
      where o.run_id = c.id and o.generation = c.generation and o.state = 'done') as outputs
    from callsift.runs c join callsift.steps s on s.id = c.parent_step_id
    where s.run_id = ${id} and c.id > ${page.afterId}::bigint order by c.id limit ${page.limit}`.execute(db)
  return rows.rows.map((row) => ({
    ...row,
    outputs: Object.assign({}, ...(row.outputs ?? [])) as Record<string, unknown>,
  }))
}

/** Runs of this step that are not over. */
export async function countOpenRuns(db: Queryable, stepId: string): Promise<number> {
  const rows = await sql<{ open: number }>`select count(*)::int as open from callsift.runs
    where parent_step_id = ${stepId} and state = 'running'`.execute(db)
  return rows.rows[0]?.open ?? 0
}

/** What this step's runs cost, millionths: of those that were judged what they took, of the others what they may take at most. */
export async function sumCommitted(db: Queryable, stepId: string, judgingStep: string): Promise<number> {
  const rows = await sql<{ micros: number }>`select coalesce(sum(coalesce((s.output->>'micros')::bigint,
      case when c.state = 'done' then 0 else (c.input->>'mostMicros')::bigint end)), 0)::float8 as micros
    from callsift.runs c left join callsift.steps s on s.run_id = c.id and s.generation = c.generation
      and s.name = ${judgingStep} and s.state = 'done'
    where c.parent_step_id = ${stepId}`.execute(db)
  return rows.rows[0]?.micros ?? 0
}

/** The gate of a paused batch that this run is, or belongs to. */
export async function findPause(db: Queryable, keyId: string, runId: string): Promise<string | null> {
  const rows = await sql<{
    name: string
  }>`select g.name from callsift.runs r left join callsift.steps s on s.id = r.parent_step_id
    join callsift.gates g on g.key_id = ${keyId} and g.name = 'batch ' || coalesce(s.run_id, r.id)
      and g.closed_until > clock_timestamp()
    where r.id = ${runId}`.execute(db)
  return rows.rows[0]?.name ?? null
}
