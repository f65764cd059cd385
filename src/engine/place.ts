import { sql } from 'kysely'
import type { Queryable } from '../db/connect.ts'
import type { PlacedStep, Workflow } from './define.ts'
import { inputHash } from './input-hash.ts'
import { toStoredJson } from './stored-text.ts'

/** The run as its own transaction sees it, its row locked (or just inserted). */
export interface LockedRun {
  readonly id: string
  readonly workflow: string
  readonly portalId: string
  readonly generation: number
  readonly priority: number
  readonly input: unknown
  readonly rerunFrom: string | null
  readonly parentStepId: string | null
}

export interface DoneStep {
  readonly name: string
  readonly index: number
  readonly output: unknown
}

/** All that the next step may see: the run's input, and outputs by step name; those of a fan in its order. */
export function arrangeSeen<Context>(
  workflow: Workflow<Context>,
  runInput: unknown,
  done: readonly DoneStep[],
): Record<string, unknown> {
  const seen: Record<string, unknown> = { run: runInput }
  for (const { step, each } of workflow.steps) {
    const outputs = done.filter((row) => row.name === step.name).map((row) => row.output)
    if (each) seen[step.name] = outputs
    else if (outputs.length > 0) seen[step.name] = outputs[0]
  }
  return seen
}

async function readSeen<Context>(
  trx: Queryable,
  workflow: Workflow<Context>,
  run: Pick<LockedRun, 'id' | 'generation' | 'input'>,
): Promise<Record<string, unknown>> {
  const rows = await trx
    .selectFrom('callsift.steps')
    .select(['name', 'index', 'output'])
    .where('run_id', '=', run.id)
    .where('generation', '=', run.generation)
    .where('state', '=', 'done')
    .orderBy('index')
    .execute()
  return arrangeSeen(workflow, run.input, rows)
}

/** A paid output of an earlier generation, where step and input are equal and nobody asked for this very step again. */
async function findReusable<Context>(
  trx: Queryable,
  run: LockedRun,
  placed: PlacedStep<Context>,
  seen: Record<string, unknown>,
): Promise<{ hash: string; output: unknown } | null> {
  if (run.generation === 1 || run.rerunFrom === placed.step.name) return null
  const input = placed.step.input.safeParse(seen)
  if (!input.success) return null
  const hash = inputHash(placed.step.name, input.data)
  const earlier = await trx
    .selectFrom('callsift.steps')
    .select('output')
    .where('run_id', '=', run.id)
    .where('name', '=', placed.step.name)
    .where('input_hash', '=', hash)
    .where('state', '=', 'done')
    .orderBy('generation', 'desc')
    .limit(1)
    .executeTakeFirst()
  return earlier === undefined ? null : { hash, output: earlier.output }
}

/**
 * Creates the steps at `position`, or those after it where everything there is reused.
 * Returns `ended` with the class when the run is over, `placed` when there is work.
 */
export async function placeSteps<Context>(
  trx: Queryable,
  workflow: Workflow<Context>,
  run: LockedRun,
  from: number,
): Promise<{ ended: false } | { ended: true; class: string | null }> {
  const first = run.generation === 1 && from === 0
  for (let position = from; ; position += 1) {
    const placed = workflow.steps[position]
    if (placed === undefined) return { ended: true, class: null }
    const seen = first && position === from ? { run: run.input } : await readSeen(trx, workflow, run)
    const items = placed.items === null ? [undefined] : placed.items(seen)
    let open = 0
    let output: unknown = null
    for (const [index, item] of items.entries()) {
      const reusable = await findReusable(trx, run, placed, item === undefined ? seen : { ...seen, item })
      if (reusable === null) open += 1
      else output = reusable.output
      await sql`
        insert into callsift.steps
          (run_id, generation, name, index, queue, portal_id, family, priority, item, state, input_hash, output, finished_at)
        values (${run.id}, ${run.generation}, ${placed.step.name}, ${index}, ${placed.step.queue}, ${run.portalId},
          ${placed.step.family}, ${run.priority}, ${item === undefined ? null : toStoredJson(item)}::jsonb,
          ${reusable === null ? 'ready' : 'done'}, ${reusable?.hash ?? null},
          ${reusable === null ? null : toStoredJson(reusable.output)}::jsonb, ${reusable === null ? null : sql`now()`})
        on conflict (run_id, generation, name, index) do nothing`.execute(trx)
    }
    if (open > 0) return { ended: false }
    const reason = items.length > 0 && !placed.each ? (placed.endsWhen?.(output) ?? null) : null
    if (reason !== null) return { ended: true, class: reason }
  }
}

/** A step that follows, as `callsift.finish_value` creates it. */
export interface NextStep {
  readonly name: string
  readonly index: number
  readonly queue: string
  readonly family: string
  readonly item?: unknown
}

/**
 * What follows a value, where that can be said without looking into the record again: in a run's first generation nothing is reused.
 * Null where it cannot: a fan after a fan, or a fan of nothing with more behind it.
 */
export function foresee<Context>(
  workflow: Workflow<Context>,
  position: number,
  seen: Record<string, unknown>,
  output: unknown,
): { ends: boolean; class: string | null; joins: boolean; next: readonly NextStep[] } | null {
  const placed = workflow.steps[position]
  if (placed === undefined) return null
  const joins = placed.each
  const reason = joins ? null : (placed.endsWhen?.(output) ?? null)
  if (reason !== null) return { ends: true, class: reason, joins, next: [] }
  const following = workflow.steps[position + 1]
  if (following === undefined) return joins ? null : { ends: true, class: null, joins, next: [] }
  const { name, queue, family } = following.step
  if (following.items === null) return { ends: false, class: null, joins, next: [{ name, queue, family, index: 0 }] }
  if (joins) return null
  const items = following.items({ ...seen, [placed.step.name]: output })
  const last = position + 2 === workflow.steps.length
  if (items.length === 0) return last ? { ends: true, class: null, joins, next: [] } : null
  return { ends: false, class: null, joins, next: items.map((item, index) => ({ name, queue, family, index, item })) }
}
