import { sql } from 'kysely'
import type { Queryable } from '../db/connect.ts'
import { type LockedRun, placeSteps } from './place.ts'
import type { Registry } from './registry.ts'
import { endRun } from './settle.ts'
import { toStoredJson } from './stored-text.ts'

export interface NewRun {
  readonly workflow: string
  /** Unique in its workflow: a second run with this key is not created. */
  readonly key: string
  readonly portalId: string
  readonly input: unknown
  /** 0 = live, 10 = backfill, 20 = batch: lower goes first. */
  readonly priority?: number
  readonly parentStepId?: string
}

/**
 * Creates a run and its first step in the caller's transaction, so that what was accepted is also on its way.
 * Returns the run that stands under the key, and whether this call created it.
 */
export async function createRun<Context>(
  trx: Queryable,
  registry: Registry<Context>,
  wanted: NewRun,
): Promise<{ runId: string; created: boolean }> {
  const workflow = registry.workflow(wanted.workflow)
  const input = workflow.input.parse(wanted.input)
  const priority = wanted.priority ?? 0
  const inserted = await sql<{ id: string }>`
    insert into callsift.runs (workflow, key, portal_id, priority, input, parent_step_id)
    values (${wanted.workflow}, ${wanted.key}, ${wanted.portalId}, ${priority}, ${toStoredJson(input)}::jsonb, ${wanted.parentStepId ?? null})
    on conflict (workflow, key) do nothing returning id`.execute(trx)
  const id = inserted.rows[0]?.id
  if (id === undefined) {
    const standing = await trx
      .selectFrom('callsift.runs')
      .select('id')
      .where('workflow', '=', wanted.workflow)
      .where('key', '=', wanted.key)
      .executeTakeFirstOrThrow()
    return { runId: standing.id, created: false }
  }
  const run: LockedRun = {
    id,
    workflow: wanted.workflow,
    portalId: wanted.portalId,
    generation: 1,
    priority,
    input,
    rerunFrom: null,
    parentStepId: wanted.parentStepId ?? null,
  }
  const placed = await placeSteps(trx, workflow, run, 0)
  if (placed.ended) await endRun(trx, registry, run, { state: 'done', class: placed.class })
  return { runId: id, created: true }
}

/**
 * Creates many runs of one workflow, whose keys the caller has made sure are new, with one statement for the runs and one for their
 * first steps. Returns their ids in the order given; throws when a key stands already.
 */
export async function createRuns<Context>(
  trx: Queryable,
  registry: Registry<Context>,
  workflowName: string,
  wanted: readonly Omit<NewRun, 'workflow' | 'parentStepId'>[],
): Promise<string[]> {
  const workflow = registry.workflow(workflowName)
  const [first] = workflow.steps
  if (first === undefined || first.each) throw new Error(`workflow ${workflowName} does not begin with a single step`)
  const rows = wanted.map((run, place) => ({
    place,
    key: run.key,
    portal_id: run.portalId,
    priority: run.priority ?? 0,
    input: workflow.input.parse(run.input),
  }))
  const created = await sql<{ id: string; key: string }>`
    insert into callsift.runs (workflow, key, portal_id, priority, input)
    select ${workflowName}, key, portal_id, priority, input from jsonb_to_recordset(${toStoredJson(rows)}::jsonb)
      as t (place int, key text, portal_id text, priority smallint, input jsonb) order by place
    returning id, key`.execute(trx)
  const idOf = new Map(created.rows.map((row) => [row.key, row.id]))
  await sql`insert into callsift.steps (run_id, generation, name, index, queue, portal_id, family, priority)
    select r.id, 1, ${first.step.name}, 0, ${first.step.queue}, r.portal_id, ${first.step.family}, r.priority
    from callsift.runs r where r.id = any(${created.rows.map((row) => row.id)}::bigint[]) order by r.id`.execute(trx)
  return wanted.map((run) => idOf.get(run.key) ?? '')
}
