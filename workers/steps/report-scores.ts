import { z } from 'zod'
import { countFailures } from '../../src/db/batches.ts'
import { sumScores } from '../../src/db/lead-report.ts'
import { ScoreLeadsInput } from '../leads/score-leads-input.ts'
import { step } from '../step.ts'

/** What the scoring came to. Failed leads are no reason to hold it back: they are counted by class, and the next scoring takes them again. */
export const reportScores = step({
  name: 'reportScores',
  queue: 'leads',
  family: 'none',
  input: z.object({
    run: ScoreLeadsInput,
    findLeads: z.object({
      found: z.number(),
      unchanged: z.number(),
      queued: z.number(),
      mostMicros: z.number(),
      stoppedBy: z.string().nullable(),
    }),
  }),
  output: z.object({
    dryRun: z.boolean(),
    found: z.number(),
    unchanged: z.number(),
    queued: z.number(),
    stoppedBy: z.string().nullable(),
    judged: z.number(),
    written: z.number(),
    observed: z.number(),
    gone: z.number(),
    failures: z.record(z.string(), z.number()),
    quality: z.object({ high: z.number(), medium: z.number(), low: z.number() }),
    /** Leads by tens of the score: 0-9, 10-19, …, 90-100. */
    tens: z.array(z.number()).length(10),
    needReview: z.number(),
    tokens: z.number(),
    cost: z.number(),
    /** Of a dry run: what it would cost at most. */
    costAtMost: z.number(),
    currency: z.string(),
  }),
  async run(context, { run, findLeads: found }) {
    const sums = await sumScores(context.db, context.runId)
    return {
      dryRun: run.dryRun,
      found: found.found,
      unchanged: found.unchanged,
      queued: found.queued,
      stoppedBy: found.stoppedBy,
      ...sums,
      failures: await countFailures(context.db, context.runId),
      cost: sums.micros / 1_000_000,
      costAtMost: found.mostMicros / 1_000_000,
      currency: context.config.prices.currency,
    }
  },
})
