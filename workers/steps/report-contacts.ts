import { z } from 'zod'
import { countFilled, countOutputs, sumPaid } from '../../src/db/batch-sums.ts'
import { countFailures } from '../../src/db/batches.ts'
import { ExtractContactsInput } from '../contacts/extract-contacts-input.ts'
import { PagedRecords } from '../page-records.ts'
import { step } from '../step.ts'

/** What the batch came to: counts, and nothing of whom. A failed record does not hold it back; the next batch takes it again. */
export const reportContacts = step({
  name: 'reportContacts',
  queue: 'leads',
  family: 'none',
  input: z.object({ run: ExtractContactsInput, findContactGaps: PagedRecords }),
  output: z.object({
    dryRun: z.boolean(),
    of: z.string(),
    found: z.number(),
    /** Lack nothing. */
    complete: z.number(),
    queued: z.number(),
    stoppedBy: z.string().nullable(),
    /** Looked as they did when they were last read, or hold no word about what is missing. */
    unchanged: z.number(),
    nothingSaid: z.number(),
    asked: z.number(),
    phones: z.number(),
    emails: z.number(),
    companies: z.number(),
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
  async run({ db, runId, config }, { run, findContactGaps: found }) {
    const ended = await countOutputs(db, runId, 'readContact', 'ended')
    const written = await countOutputs(db, runId, 'writeContact', 'written')
    const { tokens, micros, mostMicros } = await sumPaid(db, runId, 'readContact')
    const filled = (field: string) => countFilled(db, runId, 'readContact', field)
    return {
      dryRun: run.dryRun,
      of: run.of,
      found: found.found,
      complete: found.unchanged + (ended['complete'] ?? 0),
      queued: found.queued,
      stoppedBy: found.stoppedBy,
      unchanged: ended['unchanged'] ?? 0,
      nothingSaid: ended['nothing_said'] ?? 0,
      asked: await filled('model'),
      phones: await filled('phone'),
      emails: await filled('email'),
      companies: await filled('company'),
      needReview: written['doubtful'] ?? 0,
      written: (written['written'] ?? 0) + (written['found'] ?? 0) + (written['kept'] ?? 0),
      observed: written['observed'] ?? 0,
      gone: (ended['gone'] ?? 0) + (written['gone'] ?? 0),
      failures: await countFailures(db, runId),
      tokens,
      cost: micros / 1_000_000,
      costAtMost: mostMicros / 1_000_000,
      currency: config.prices.currency,
    }
  },
})
