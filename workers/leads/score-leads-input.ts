import { z } from 'zod'

const reserved = /^[<>=!%@]*id$/i

/** What a batch over leads is asked for; the same by hand and by a schedule. */
export const ScoreLeadsInput = z.strictObject({
  /** As the API takes filters: `{"statusId":"NEW"}`, `{">=createdTime":"2026-10-01"}`. */
  filter: z
    .record(
      z.string().regex(/^(>=|<=|!=|>|<|!|%|=|@)?[A-Za-z]\w{0,60}$/, 'must be a field name'),
      z.union([z.string().max(1_000), z.number()]),
    )
    .refine((filter) => !Object.keys(filter).some((name) => reserved.test(name)), 'id is what pages go by')
    .default({}),
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
