import { sql } from 'kysely'
import type { Database } from '../db/connect.ts'
import type { DoneStep } from './place.ts'

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
  /** What the step stands on: the done steps of its generation, as they were when it was claimed. */
  readonly before: readonly DoneStep[]
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
  before: string
}

/**
 * Takes a dispatched step. Null when the job is stale: taken by another, dispatched anew since, cancelled, or this worker
 * has been declared dead. One row is changed under its lock, so that of two workers with the same job only one gets it. A step without
 * a gate counts as past it at once: else its crashes would never be counted. Steps not in `known`
 * (see `Registry.seenBy`) are not taken.
 * The statement stands in the record itself (migration `hotPaths`).
 */
export async function claimStep(
  db: Database,
  job: { stepId: string; dispatchNo: number },
  workerId: string,
  known: string | null = null,
): Promise<Claim | null> {
  const claimed = await sql<ClaimRow>`select * from callsift.claim_step(${job.stepId}, ${job.dispatchNo}, ${workerId},
    ${known}::jsonb)`.execute(db)
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
    before: JSON.parse(row.before) as DoneStep[],
  }
}
