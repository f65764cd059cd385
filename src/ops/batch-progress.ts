import type { App } from '../context.ts'
import { type BatchLine, type BatchStep, countRunsOf, listBatchSteps } from '../db/batches.ts'

/** How far a batch is: what it has looked at, what came of it, and where it stopped. */
export interface BatchTold extends BatchLine {
  /** How it is started: `score-leads`. */
  readonly verb: string
  readonly progress: {
    /** Records looked at, and how many there are; null where the portal does not say. */
    readonly found: number
    readonly total: number | null
    /** Runs of its own: made, ended, and ended in need of a person. */
    readonly runs: number
    readonly ended: number
    readonly failed: number
  }
  readonly stopped: { readonly step: string; readonly class: string | null; readonly message: string | null } | null
  /** What its last step said, once it has ended. */
  readonly report: Readonly<Record<string, unknown>> | null
}

const fields = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
const numberOr = (value: unknown, other: number) => (typeof value === 'number' ? value : other)

export function tellBatch(
  app: App,
  batch: BatchLine,
  steps: readonly BatchStep[],
  counts: readonly { state: string; runs: number }[],
): BatchTold {
  const workflow = app.registry.workflow(batch.workflow)
  const last = steps.at(-1)
  const report = last?.state === 'done' && last.name === workflow.steps.at(-1)?.step.name ? fields(last.output) : null
  // The step that pages tells in its cursor how far it is, and at last in its output.
  const paged = steps.map((step) => fields(step.cursor ?? step.output)).find((one) => typeof one['found'] === 'number')
  const sum = (of: (state: string) => boolean) =>
    counts.filter((one) => of(one.state)).reduce((all, one) => all + one.runs, 0)
  const stopped = steps.find((step) => step.state === 'parked')
  return {
    ...batch,
    verb: workflow.startedAs ?? batch.workflow,
    progress: {
      found: numberOr(paged?.['found'], 0),
      total: typeof paged?.['total'] === 'number' ? paged['total'] : null,
      runs: sum(() => true),
      ended: sum((state) => state !== 'running'),
      failed: sum((state) => state === 'parked'),
    },
    stopped: stopped === undefined ? null : { step: stopped.name, class: stopped.class, message: stopped.message },
    report,
  }
}

export async function withProgress(app: App, batches: readonly BatchLine[]): Promise<BatchTold[]> {
  const ids = batches.map((batch) => batch.id)
  // Of those that have ended the report says how many; of the others they are few enough to be counted.
  const open = batches.filter((batch) => batch.state !== 'done').map((batch) => batch.id)
  const [steps, counts] = [await listBatchSteps(app.db, ids), await countRunsOf(app.db, open)]
  return batches.map((batch) =>
    tellBatch(
      app,
      batch,
      steps.filter((step) => step.batchId === batch.id),
      counts.filter((one) => one.batchId === batch.id),
    ),
  )
}
