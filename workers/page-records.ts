import { z } from 'zod'
import { countOpenRuns, sumCommitted } from '../src/db/batches.ts'
import { type ChildRun, type Page, page } from '../src/engine/page.ts'
import type { RecordPage } from '../src/vibecode/records.ts'
import type { CrmEntity } from '../src/wire/crm.ts'
import type { CallContext } from './call-context.ts'

/** The portal's own page: a larger one is put together of these upstream. */
const pageSize = 50
/** Records that are on their way at once: enough to keep the workers busy, few enough to be paused, cancelled and counted. */
const mostOpen = 400

/** Where a batch stands among the records, and what it has found so far. */
const RecordCursor = z.object({
  afterId: z.number().default(0),
  found: z.number().default(0),
  unchanged: z.number().default(0),
  queued: z.number().default(0),
  /** What the records that were queued may cost at most, millionths. */
  mostMicros: z.number().default(0),
  total: z.number().nullable().default(null),
})

/** What a paging step brings: its last cursor, and what it was stopped by. */
export const PagedRecords = RecordCursor.extend({ stoppedBy: z.string().nullable() })

/** A record that has something to be done: the run for it, and what that costs at most, millionths. */
export interface Work {
  readonly mostMicros: number
  readonly child: ChildRun
}

/**
 * One attempt of a paging step: goes through the records of a portal in ascending id, a page at a time, and makes a run of each that
 * has something to be done. It waits for the runs by being due again, so that pausing, ending and restarting need nothing of it.
 */
export async function pageRecords(
  context: CallContext,
  options: {
    readonly run: { readonly maxCost?: number | undefined; readonly dryRun: boolean }
    /** Fewer than the portal's own page where each record is asked for by itself too. */
    readonly pageSize?: number
    /** Records that are queued at most, and the word for having been stopped by that. */
    readonly most: { readonly records: number | undefined; readonly word: string }
    /** The child's step whose output tells what was paid. */
    readonly payingStep: string
    /** A dry run makes its runs all the same: only they can tell what there is to be done. */
    readonly runsWhenDry?: boolean
    list(query: { afterId: number; limit: number }): Promise<RecordPage>
    /** Reads what is known of a page's records; null = this one has nothing to be done. */
    prepare(records: readonly CrmEntity[]): Promise<(record: CrmEntity) => Work | null>
  },
): Promise<Page> {
  const { config, db } = context
  const { run, most } = options
  const cursor = RecordCursor.parse(context.cursor ?? {})
  const open = await countOpenRuns(db, context.stepId)
  if (open >= mostOpen) return page({ children: [], cursor, delayMs: config.timings.batchLookMs })

  const listed = await options.list({ afterId: cursor.afterId, limit: options.pageSize ?? pageSize })
  const workOn = await options.prepare(listed.records)
  const roomMicros = run.maxCost === undefined ? null : run.maxCost * 1_000_000
  let committed =
    roomMicros === null || run.dryRun ? cursor.mostMicros : await sumCommitted(db, context.stepId, options.payingStep)

  const next = { ...cursor, total: cursor.total ?? listed.total }
  const children: ChildRun[] = []
  let stoppedBy: string | null = null
  for (const record of listed.records) {
    const work = workOn(record)
    if (work === null) next.unchanged += 1
    else {
      if (next.queued === most.records) {
        stoppedBy = most.word
        break
      }
      if (roomMicros !== null && committed + work.mostMicros > roomMicros) {
        stoppedBy = 'max_cost'
        break
      }
      committed += work.mostMicros
      next.mostMicros += work.mostMicros
      next.queued += 1
      children.push(work.child)
    }
    next.found += 1
    next.afterId = record.id
  }
  const made = run.dryRun && options.runsWhenDry !== true ? [] : children
  // Records under way have the most set aside that they may cost; what they leave of it makes room for more.
  if (stoppedBy === 'max_cost' && !run.dryRun && open + made.length > 0)
    return page({ children: made, cursor: next, delayMs: config.timings.batchLookMs })
  if (stoppedBy === null && listed.nextAfterId !== null) return page({ children: made, cursor: next })
  return page({ children: made, cursor: null, output: { ...next, stoppedBy } })
}
