import { z } from 'zod'
import { RecordFilter } from '../record-filter.ts'

const Of = z.enum(['leads', 'contacts'])

/** What a batch over leads or contacts is asked for; the same by hand and by a schedule. */
export const ExtractContactsInput = z.strictObject({
  of: Of.default('leads'),
  filter: RecordFilter,
  rubric: z.string().min(1).max(41).default('contact'),
  /** Records that are read at most. */
  maxRecords: z.number().int().min(1).optional(),
  /** In units of CALLSIFT_PRICE_CURRENCY; never exceeded, what is under way included. */
  maxCost: z.number().min(0).optional(),
  /** Only reads, counts and prices. */
  dryRun: z.boolean().default(false),
})

export const ExtractContactInput = z.object({
  of: Of,
  recordId: z.number().int(),
  rubric: z.string(),
  dryRun: z.boolean(),
  /** What reading it costs at most, millionths. */
  mostMicros: z.number(),
})
