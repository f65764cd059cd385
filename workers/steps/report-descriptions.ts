import { z } from 'zod'
import { countFilled, countOutputs, sumPaid } from '../../src/db/batch-sums.ts'
import { countFailures } from '../../src/db/batches.ts'
import { PagedRecords } from '../page-records.ts'
import { DescribeProductsInput } from '../products/describe-products-input.ts'
import { step } from '../step.ts'

/** What the batch came to. A failed product does not hold it back: it is counted by class, and the next batch takes it again. */
export const reportDescriptions = step({
  name: 'reportDescriptions',
  queue: 'leads',
  family: 'none',
  input: z.object({ run: DescribeProductsInput, findProducts: PagedRecords }),
  output: z.object({
    dryRun: z.boolean(),
    found: z.number(),
    /** Described by people, or by us and not stale. */
    unchanged: z.number(),
    queued: z.number(),
    stoppedBy: z.string().nullable(),
    drafted: z.number(),
    /** Wait for a person. */
    inReview: z.number(),
    needReview: z.number(),
    written: z.number(),
    observed: z.number(),
    gone: z.number(),
    failures: z.record(z.string(), z.number()),
    tokens: z.number(),
    cost: z.number(),
    /** Of a dry run: what it would cost at most. */
    costAtMost: z.number(),
    currency: z.string(),
  }),
  async run({ db, runId, config }, { run, findProducts: found }) {
    const ended = await countOutputs(db, runId, 'draftDescription', 'ended')
    const written = await countOutputs(db, runId, 'writeDescription', 'written')
    const { tokens, micros } = await sumPaid(db, runId, 'draftDescription')
    return {
      dryRun: run.dryRun,
      found: found.found,
      unchanged: found.unchanged,
      queued: found.queued,
      stoppedBy: found.stoppedBy,
      drafted: await countFilled(db, runId, 'draftDescription', 'model'),
      inReview: (ended['in_review'] ?? 0) + (written['returned'] ?? 0),
      needReview: await countFilled(db, runId, 'draftDescription', 'doubts'),
      written: (written['written'] ?? 0) + (written['found'] ?? 0) + (written['kept'] ?? 0),
      observed: (ended['observed'] ?? 0) + (written['observed'] ?? 0),
      gone: (ended['product_gone'] ?? 0) + (written['gone'] ?? 0),
      failures: await countFailures(db, runId),
      tokens,
      cost: micros / 1_000_000,
      costAtMost: found.mostMicros / 1_000_000,
      currency: config.prices.currency,
    }
  },
})
