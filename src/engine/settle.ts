import { sql } from 'kysely'
import type { Queryable } from '../db/connect.ts'
import type { RunState } from '../db/schema.ts'
import { type LockedRun, placeSteps } from './place.ts'
import type { Registry } from './registry.ts'
import { unknownStepText } from './unknown-step.ts'

/** Locks a run's row; every change of a run's steps that others may join on happens under this lock. */
export async function lockRun(trx: Queryable, runId: string): Promise<LockedRun & { state: RunState }> {
  const row = await trx
    .selectFrom('callsift.runs')
    .selectAll()
    .where('id', '=', runId)
    .forUpdate()
    .executeTakeFirstOrThrow()
  return {
    id: row.id,
    workflow: row.workflow,
    portalId: row.portal_id,
    generation: row.generation,
    priority: row.priority,
    input: row.input,
    rerunFrom: row.rerun_from,
    parentStepId: row.parent_step_id,
    state: row.state,
  }
}

/** Ends the run and lets a parent that waits for it go on. */
export async function endRun<Context>(
  trx: Queryable,
  registry: Registry<Context>,
  run: LockedRun,
  end: { state: 'done' | 'cancelled'; class: string | null },
): Promise<void> {
  await sql`update callsift.runs set state = ${end.state}, class = ${end.class}, finished_at = now(), updated_at = now()
    where id = ${run.id}`.execute(trx)
  if (run.parentStepId !== null) await joinParent(trx, registry, run.parentStepId)
}

/** Parks the run with the class of its parked step. A parked child does not hold its parent's report back. */
export async function parkRun<Context>(
  trx: Queryable,
  registry: Registry<Context>,
  run: LockedRun,
  failureClass: string,
): Promise<void> {
  await sql`update callsift.runs set state = 'parked', class = ${failureClass}, updated_at = now() where id = ${run.id}`.execute(
    trx,
  )
  if (run.parentStepId !== null) await joinParent(trx, registry, run.parentStepId)
}

/** Goes on after a step of the run is done: creates what follows, or ends the run. The caller holds the run's lock. */
export async function advanceRun<Context>(
  trx: Queryable,
  registry: Registry<Context>,
  run: LockedRun,
  after: number,
): Promise<void> {
  const next = await placeSteps(trx, registry.workflow(run.workflow), run, after + 1)
  if (next.ended) await endRun(trx, registry, run, { state: 'done', class: next.class })
}

/**
 * A child run ended: when it was the last one open, the paging step that created it is done.
 * Counted under the parent run's lock, else two children that end together would both see the other open.
 */
export async function joinParent<Context>(trx: Queryable, registry: Registry<Context>, stepId: string): Promise<void> {
  const owner = await trx.selectFrom('callsift.steps').select('run_id').where('id', '=', stepId).executeTakeFirst()
  if (owner === undefined) return
  const parent = await lockRun(trx, owner.run_id)
  const step = await trx.selectFrom('callsift.steps').selectAll().where('id', '=', stepId).executeTakeFirstOrThrow()
  if (step.state !== 'joining' || (await countOpenChildren(trx, stepId)) > 0) return
  await sql`update callsift.steps set state = 'done', finished_at = now() where id = ${stepId}`.execute(trx)
  if (step.generation < parent.generation) return
  // A parent of a newer release is joined by a worker that knows it: it reads its last page again, which creates nothing twice.
  if (!registry.knows(parent.workflow, step.name)) return await leaveToOthers(trx, stepId)
  await advanceRun(trx, registry, parent, registry.step(parent.workflow, step.name).position)
}

async function leaveToOthers(trx: Queryable, stepId: string): Promise<void> {
  await sql`update callsift.steps set state = 'ready', due_at = clock_timestamp(), finished_at = null, worker_id = null,
      class = ${unknownStepText.class}, message = ${unknownStepText.message}, hint = ${unknownStepText.hint}
    where id = ${stepId}`.execute(trx)
}

export async function countOpenChildren(trx: Queryable, stepId: string): Promise<number> {
  const rows = await sql<{ open: number }>`select count(*)::int as open from callsift.runs
    where parent_step_id = ${stepId} and state = 'running'`.execute(trx)
  return rows.rows[0]?.open ?? 0
}
