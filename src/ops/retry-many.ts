import { z } from 'zod'
import type { App } from '../context.ts'
import { createBulkRetry, readBulkRetries } from '../db/bulk-retries.ts'
import { type CallFilter, countCalls } from '../db/call-search.ts'
import { priceRerun } from './call-again.ts'
import { CallFilterInput, readFilter } from './call-filter.ts'
import { defineOperation, OperationError, Paging, RowId } from './operation.ts'

const BulkShape = z.object({
  id: z.string(),
  actor: z.string(),
  reason: z.string().nullable(),
  filter: z.unknown(),
  from: z.string().nullable(),
  total: z.number(),
  done: z.number(),
  outcomes: z.record(z.string(), z.number()),
  createdAt: z.iso.datetime(),
  finishedAt: z.iso.datetime().nullable(),
})

const StartInput = z
  .strictObject({
    ids: z.array(RowId).min(1).max(1_000).optional(),
    filter: z.strictObject(CallFilterInput).optional(),
    /** Runs each again from this step; without, only what is parked is repeated. */
    from: z.string().min(1).max(100).optional(),
    dryRun: z.boolean().default(false),
    reason: z.string().trim().max(300).optional(),
  })
  .refine((input) => (input.ids === undefined) !== (input.filter === undefined), 'give ids or a filter, one of the two')

const Planned = z.object({
  retryId: z.string().nullable(),
  matched: z.number(),
  accepted: z.number(),
  skipped: z.record(z.string(), z.number()),
  paid: z.object({ again: z.array(z.string()), ifChanged: z.array(z.string()) }),
})

/** Calls that are running go on by themselves; those that wrote their entry are never judged again in bulk. */
function planFor(counts: Record<'running' | 'done' | 'parked' | 'cancelled', number>, from: string | undefined) {
  const skipped: Record<string, number> = {}
  if (counts.running > 0) skipped['running'] = counts.running
  if (counts.done > 0) skipped['written_or_ended'] = counts.done
  if (from === undefined && counts.cancelled > 0) skipped['cancelled'] = counts.cancelled
  const matched = counts.running + counts.done + counts.parked + counts.cancelled
  return { matched, accepted: counts.parked + (from === undefined ? 0 : counts.cancelled), skipped }
}

export const retryStart = defineOperation({
  name: 'retry.start',
  summary: 'Retries many calls in the background: those named, or all of a filter. `dryRun` only counts.',
  input: StartInput,
  output: Planned,
  audit: (input) => ({
    subject: 'calls',
    detail: {
      ids: input.ids?.length,
      filter: { ...input.filter, q: undefined },
      from: input.from,
      dryRun: input.dryRun,
      reason: input.reason,
    },
  }),
  run: async (app, input, caller) => {
    const steps = app.registry.workflow('call').steps.map((placed) => placed.step.name)
    if (input.from !== undefined && !steps.includes(input.from)) {
      throw new OperationError(
        'unknown_step',
        400,
        `A call has no step ${input.from}.`,
        `Its steps are: ${steps.join(', ')}.`,
      )
    }
    const filter: CallFilter =
      input.ids === undefined ? readFilter(input.filter ?? {}, caller) : { ids: input.ids, partOfPhone: false }
    const counts = await countCalls(app.db, filter)
    // A filter that names a state means those alone.
    const meant =
      filter.status === undefined
        ? counts
        : { running: 0, done: 0, parked: 0, cancelled: 0, [filter.status]: counts[filter.status] }
    const plan = { ...planFor(meant, input.from), paid: paidFor(app, input.from) }
    if (input.dryRun || plan.accepted === 0) return { retryId: null, ...plan }
    const retryId = await createBulkRetry(app.db, {
      actor: caller.actor,
      reason: input.reason ?? null,
      filter,
      // Somebody may have searched by a number: it is not kept.
      asked: input.filter === undefined ? { ids: input.ids?.length } : { ...input.filter, q: input.filter.q && '…' },
      from: input.from ?? null,
    })
    app.bulkRetries.kick()
    return { retryId, ...plan }
  },
})

function paidFor(app: App, from: string | undefined): { again: string[]; ifChanged: string[] } {
  return from === undefined ? { again: [], ifChanged: [] } : priceRerun(app, from)
}

export const retryShow = defineOperation({
  name: 'retry.show',
  summary: 'How far a retry of many calls has come.',
  input: z.strictObject({ id: RowId }),
  output: BulkShape,
  run: async (app, input) => {
    const [found] = await readBulkRetries(app.db, { id: input.id, limit: 1 })
    if (found !== undefined) return found
    throw new OperationError('unknown_retry', 404, `There is no retry ${input.id}.`, 'GET /api/v1/retries lists them.')
  },
})

export const retryList = defineOperation({
  name: 'retry.list',
  summary: 'Lists retries of many calls, newest first.',
  input: z.strictObject({ limit: Paging.limit }),
  output: z.object({ retries: z.array(BulkShape) }),
  run: async (app, input) => ({ retries: await readBulkRetries(app.db, { limit: input.limit }) }),
})
