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
