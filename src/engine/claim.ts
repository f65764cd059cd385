import { sql } from 'kysely'
import type { Database } from '../db/connect.ts'

/** The right to work on a step: good while the worker's heartbeat row stands and the fence is unchanged. */
export interface Claim {
  readonly stepId: string
  readonly runId: string
  readonly workflow: string
  readonly runKey: string
  readonly runInput: unknown
  readonly runCreatedAt: Date
  readonly portalId: string
  readonly generation: number
  readonly stepName: string
  readonly index: number
  readonly item: unknown
  readonly cursor: unknown
  readonly fence: number
  readonly workerId: string
  readonly attempts: number
  readonly laters: number
  readonly alone: boolean
  /** From when it was due until it was taken. */
  readonly waitedMs: number
}

interface ClaimRow {
  id: string
  run_id: string
  workflow: string
  key: string
  input: unknown
  run_created_at: Date
  portal_id: string
  generation: number
  name: string
  index: number
  item: unknown
  cursor: unknown
  fence: number
  attempts: number
  laters: number
  alone: boolean
  waited_ms: number
}

/**
 * Takes a dispatched step. Null when the job is stale: taken by another, dispatched anew since, cancelled, or this worker
 * has been declared dead. One statement, so that of two workers with the same job only one gets the row. A step without a gate
 * counts as past it at once: else its crashes would never be counted. Steps not in `known` (`workflow step`) are not taken.
 */
export async function claimStep(
  db: Database,
  job: { stepId: string; dispatchNo: number },
  workerId: string,
  known: readonly string[] | null = null,
): Promise<Claim | null> {
  const claimed = await sql<ClaimRow>`
    with claimed as (
      update callsift.steps set state = 'running', fence = fence + 1, worker_id = ${workerId},
        gate_passed = (family = 'none'), blocked_by = null
      where id = ${job.stepId} and dispatch_no = ${job.dispatchNo} and state = 'dispatched'
        and exists (select 1 from callsift.workers where id = ${workerId})
        and (${known as string[] | null}::text[] is null or exists (select 1 from callsift.runs r
          where r.id = steps.run_id and r.workflow || ' ' || steps.name = any(${known as string[] | null}::text[])))
      returning *
    ), attempt as (
      insert into callsift.attempts (step_id, fence, worker_id) select id, fence, worker_id from claimed
    )
    select c.id, greatest(0, extract(epoch from clock_timestamp() - c.due_at)::float8 * 1000) as waited_ms, c.run_id, r.workflow, r.key, r.input, r.created_at as run_created_at, c.portal_id, c.generation, c.name,
      c.index, c.item, c.cursor, c.fence, c.attempts, c.laters, c.alone
    from claimed c join callsift.runs r on r.id = c.run_id`.execute(db)
  const row = claimed.rows[0]
  if (row === undefined) return null
  return {
    stepId: row.id,
    runId: row.run_id,
    workflow: row.workflow,
    runKey: row.key,
    runInput: row.input,
    runCreatedAt: row.run_created_at,
    portalId: row.portal_id,
    generation: row.generation,
    stepName: row.name,
    index: row.index,
    item: row.item,
    cursor: row.cursor,
    fence: row.fence,
    workerId,
    attempts: row.attempts,
    laters: row.laters,
    alone: row.alone,
    waitedMs: row.waited_ms,
  }
}
