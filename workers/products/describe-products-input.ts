import { z } from 'zod'
import { RecordFilter } from '../record-filter.ts'

/** What a batch over products is asked for; the same by hand and by a schedule. */
export const DescribeProductsInput = z.strictObject({
  filter: RecordFilter,
  rubric: z.string().min(1).max(41).default('product'),
  /** Texts without a doubt go into the card at once; the others, and all of them without it, wait for a person. */
  direct: z.boolean().default(false),
  /** Also texts that people wrote, and ours whose product looks as it did. */
  replace: z.boolean().default(false),
  /** Products that are written about at most. */
  maxProducts: z.number().int().min(1).optional(),
  /** In units of CALLSIFT_PRICE_CURRENCY; never exceeded, what is under way included. */
  maxCost: z.number().min(0).optional(),
  /** Only counts and prices. */
  dryRun: z.boolean().default(false),
})

export const DescribeProductInput = z.object({
  productId: z.number().int(),
  rubric: z.string(),
  direct: z.boolean(),
  replace: z.boolean(),
  /** What its text costs at most, millionths. */
  mostMicros: z.number(),
})
