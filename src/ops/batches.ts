import { z } from 'zod'
import type { App } from '../context.ts'
import {
  type BatchLine,
  countBatchRuns,
  findBatch,
  listBatches,
  listBatchRows,
  listBatchSteps,
  pauseGateName,
} from '../db/batches.ts'
import { cancelBatch } from '../engine/cancel-batch.ts'
import { startBatch } from '../engine/start-batch.ts'
import { tellBatch, withProgress } from './batch-progress.ts'
import { type Caller, defineOperation, mayAct, OperationError, RowId } from './operation.ts'
import { phoneFor } from './phone-for.ts'
import { needPortal } from './portals.ts'

export const batchWorkflows = (app: App) =>
  app.registry.workflows.flatMap((one) => (one.startedAs === null ? [] : [one.name]))

/** The workflow behind a verb, and its input checked: a mistake is heard by whoever makes it, not by a run at night. */
export function readBatchInput(app: App, verb: string, input: unknown): { workflow: string; input: unknown } {
  const workflow = app.registry.startable(verb)
  if (workflow === null)
    throw new OperationError(
      'unknown_workflow',
      404,
      `Nothing is started as ${verb}.`,
      `There are: ${app.registry.verbs.join(', ')}.`,
    )
  const read = workflow.input.safeParse(input)
  if (read.success) return { workflow: workflow.name, input: read.data }
  const lines = read.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)
  throw new OperationError('invalid_input', 400, `${verb}: ${lines.join('; ')}`, 'Correct it; nothing was started.')
}

async function needBatch(app: App, id: string): Promise<BatchLine> {
  const batch = await findBatch(app.db, batchWorkflows(app), id)
  if (batch !== null) return batch
  throw new OperationError('unknown_batch', 404, `There is no batch ${id}.`, 'See: callsift batch list')
}

const audit = (input: { id: string }) => ({ subject: `batch ${input.id}` })
const ById = z.strictObject({ id: RowId })

export const batchStart = defineOperation({
  name: 'batch.start',
  summary: 'Starts a workflow over a portal (score-leads, describe-products, extract-contacts, report); one at a time.',
  role: 'admin',
  input: z.strictObject({
    workflow: z.string().min(1).max(60),
    portalId: z.string().min(1).max(200),
    input: z.record(z.string(), z.unknown()).default({}),
  }),
  audit: (input) => ({ subject: `portal ${input.portalId}`, detail: { workflow: input.workflow } }),
  run: async (app, asked) => {
    const portal = await needPortal(app, asked.portalId)
    const { workflow, input } = readBatchInput(app, asked.workflow, asked.input)
    const slot = `by hand ${new Date().toISOString()}`
    const started = await app.db
      .transaction()
      .execute((trx) => startBatch(trx, app.registry, { workflow, portalId: portal.id, slot, input }))
    if ('busy' in started)
      throw new OperationError(
        'already_running',
        409,
        `Batch ${started.busy} of ${asked.workflow} still runs for portal ${portal.id}.`,
        `Wait for it (callsift batch show ${started.busy}), or end it: callsift batch cancel ${started.busy}`,
      )
    app.engine.kick()
    return { id: started.runId, workflow: asked.workflow, portalId: portal.id }
  },
})

export const batchList = defineOperation({
  name: 'batch.list',
  summary: 'The newest runs over leads and the like, by hand and by schedule.',
  input: z.strictObject({ limit: z.coerce.number().int().min(1).max(200).default(20) }),
  run: async (app, input) => ({
    batches: await withProgress(app, await listBatches(app.db, batchWorkflows(app), input.limit)),
  }),
})

export const batchShow = defineOperation({
  name: 'batch.show',
  summary: 'One of them: how far it is, what failed and why, and its report once it has ended.',
  input: ById,
  run: async (app, input) => {
    const batch = await needBatch(app, input.id)
    const [steps, runs] = [await listBatchSteps(app.db, [batch.id]), await countBatchRuns(app.db, batch.id)]
    const told = tellBatch(app, batch, steps, runs)
    return { ...told, steps: steps.map(({ output: _, batchId: __, ...step }) => step), runs }
  },
})

export const batchRows = defineOperation({
  name: 'batch.rows',
  summary: 'What its runs brought, page by page: a row for each record.',
  input: z.strictObject({
    id: RowId,
    /** `id` of the last row of the page before. */
    afterId: RowId.optional(),
    limit: z.coerce.number().int().min(1).max(1_000).default(500),
  }),
  run: async (app, input, caller) => {
    const batch = await needBatch(app, input.id)
    const rows = await listBatchRows(app.db, batch.id, { afterId: input.afterId ?? '0', limit: input.limit })
    return { rows: rows.map((row) => ({ ...row, outputs: contactsFor(caller, row.outputs) })) }
  },
})

/** Whoever may only look sees of a number its last four digits, and of an address its end. */
function contactsFor(caller: Caller, outputs: Record<string, unknown>): Record<string, unknown> {
  const { phone, email } = outputs
  return {
    ...outputs,
    ...(typeof phone === 'string' ? { phone: phoneFor(caller, phone) } : {}),
    ...(typeof email === 'string' && !mayAct(caller, 'operator') ? { email: email.replace(/^.*@/, '…@') } : {}),
  }
}

export const batchCancel = defineOperation({
  name: 'batch.cancel',
  summary: 'Ends a batch and all that is open of it; what was written stays.',
  input: ById,
  audit,
  run: async (app, input) => {
    const batch = await needBatch(app, input.id)
    if (batch.state !== 'running' && batch.state !== 'parked')
      throw new OperationError(
        'not_running',
        409,
        `Batch ${batch.id} is ${batch.state}.`,
        'There is nothing to be ended.',
      )
    const portal = await needPortal(app, batch.portalId)
    const cancelled = await cancelBatch(app.db, app.registry, batch.id)
    await app.gates.open(portal.keyId, pauseGateName(batch.id))
    return { id: batch.id, cancelledRuns: cancelled }
  },
})

/** Until somebody says otherwise; a time and not for ever, or it would be probed as if it could mend by itself. */
const longPauseMs = 10 * 365 * 86_400_000

export const batchPause = defineOperation({
  name: 'batch.pause',
  summary: 'Lets a batch rest where it is: what is under way ends, and no further request is made for it.',
  input: ById,
  audit,
  run: async (app, input) => {
    const batch = await needBatch(app, input.id)
    if (batch.state !== 'running')
      throw new OperationError(
        'not_running',
        409,
        `Batch ${batch.id} is ${batch.state}.`,
        'Only a running one can rest.',
      )
    const portal = await needPortal(app, batch.portalId)
    await app.gates.close(portal.keyId, pauseGateName(batch.id), {
      forMs: longPauseMs,
      class: 'paused',
      message: `Batch ${batch.id} is paused`,
      hint: `To go on: callsift batch resume ${batch.id}`,
    })
    return { id: batch.id, paused: true }
  },
})

export const batchResume = defineOperation({
  name: 'batch.resume',
  summary: 'Lets a paused batch go on at the lead where it was.',
  input: ById,
  audit,
  run: async (app, input) => {
    const batch = await needBatch(app, input.id)
    const portal = await needPortal(app, batch.portalId)
    await app.gates.open(portal.keyId, pauseGateName(batch.id))
    app.engine.kick()
    return { id: batch.id, paused: false }
  },
})
