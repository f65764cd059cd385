import { sql } from 'kysely'
import { againOnDeadlock } from '../db/again-on-deadlock.ts'
import type { Database, Queryable } from '../db/connect.ts'
import { UsageError } from '../errors.ts'
import { placeSteps } from './place.ts'
import type { Registry } from './registry.ts'
import { endRun, lockRun } from './settle.ts'

/**
 * Runs a run again from a step: a new generation, in which outputs before the step, and any later ones whose input is
 * unchanged, are reused. What still runs of the old generation may finish and keep its paid output, but creates nothing.
 */
export async function rerunFrom<Context>(
  db: Queryable,
  registry: Registry<Context>,
  runId: string,
  stepName: string,
): Promise<{ generation: number }> {
  const work = async (trx: Queryable) => {
    const run = await lockRun(trx, runId)
    const { steps } = registry.workflow(run.workflow)
    if (!steps.some((placed) => placed.step.name === stepName)) {
      throw new UsageError(`Workflow ${run.workflow} has no step ${stepName}.`, {
        hint: `Its steps are: ${steps.map((placed) => placed.step.name).join(', ')}.`,
      })
    }
    const generation = run.generation + 1
    await sql`update callsift.steps set state = 'cancelled', finished_at = now()
      where run_id = ${runId} and state in ('ready', 'dispatched', 'parked', 'joining')`.execute(trx)
    await sql`update callsift.runs set generation = ${generation}, rerun_from = ${stepName}, state = 'running',
      class = null, finished_at = null, updated_at = now() where id = ${runId}`.execute(trx)
    const next = { ...run, generation, rerunFrom: stepName }
    const placed = await placeSteps(trx, registry.workflow(run.workflow), next, 0)
    if (placed.ended) await endRun(trx, registry, next, { state: 'done', class: placed.class })
    return { generation }
  }
  return db.isTransaction ? await work(db) : await againOnDeadlock(() => (db as Database).transaction().execute(work))
}

/**
 * Sets a run's parked steps on their way again, in the same generation: only what failed is repeated.
 * Returns how many steps were freed; 0 when nothing of the run is parked.
 */
export async function retryParked(db: Database, runId: string): Promise<number> {
  return await db.transaction().execute(async (trx) => {
    const run = await lockRun(trx, runId)
    const freed = await sql<{ id: string }>`
      update callsift.steps set state = 'ready', due_at = clock_timestamp(), attempts = 0, laters = 0, later_since = null,
        crashes = 0, alone = false, alone_crashes = 0, blocked_by = null, finished_at = null
      where run_id = ${runId} and generation = ${run.generation} and state = 'parked' returning id`.execute(trx)
    if (freed.rows.length > 0) {
      await sql`update callsift.runs set state = 'running', class = null, updated_at = now() where id = ${runId}`.execute(
        trx,
      )
    }
    return freed.rows.length
  })
}

/** Makes the waiting steps of runs due now (a later event says that what they wait for may be there). */
export async function hurry(db: Queryable, runIds: readonly string[], stepName: string): Promise<void> {
  await sql`update callsift.steps set due_at = clock_timestamp()
    where run_id = any(${runIds as string[]}::bigint[]) and name = ${stepName} and state = 'ready' and due_at > clock_timestamp()`.execute(
    db,
  )
}

/**
 * Ends a run on a person's word; what is under way may finish, but creates nothing. `atOnce`: it loses its lease too, so that nothing it
 * brings is stored and no further request of it passes.
 */
export async function cancelRun<Context>(
  db: Database,
  registry: Registry<Context>,
  runId: string,
  options: { atOnce?: boolean } = {},
): Promise<void> {
  const cancel = async (trx: Queryable) => {
    const run = await lockRun(trx, runId)
    if (options.atOnce === true)
      await sql`update callsift.steps set state = 'cancelled', fence = fence + 1, finished_at = now()
        where run_id = ${runId} and state = 'running'`.execute(trx)
    await sql`update callsift.steps set state = 'cancelled', finished_at = now()
      where run_id = ${runId} and state in ('ready', 'dispatched', 'parked', 'joining')`.execute(trx)
    await endRun(trx, registry, run, { state: 'cancelled', class: 'cancelled' })
  }
  await againOnDeadlock(() => db.transaction().execute(cancel))
}
