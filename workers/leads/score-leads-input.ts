import { z } from 'zod'
import { RecordFilter } from '../record-filter.ts'

/** What a batch over leads is asked for; the same by hand and by a schedule. */
export const ScoreLeadsInput = z.strictObject({
  filter: RecordFilter,
  rubric: z.string().min(1).max(41).default('lead'),
  /** Leads that are judged at most. */
  maxLeads: z.number().int().min(1).optional(),
  /** In units of CALLSIFT_PRICE_CURRENCY; never exceeded, what is under way included. */
  maxCost: z.number().min(0).optional(),
  /** Only counts and prices. */
  dryRun: z.boolean().default(false),
})
export type ScoreLeadsInput = z.output<typeof ScoreLeadsInput>

export const ScoreLeadInput = z.object({
  leadId: z.number().int(),
  rubric: z.string(),
  /** What its verdict costs at most, millionths. */
  mostMicros: z.number(),
})
