import { z } from 'zod'
import { optionalInteger, optionalText } from './values.ts'

/** One call of a batch; `id` tells its answer from the others'. */
export interface BatchCall {
  readonly id: string
  readonly entity: string
  readonly action: 'list' | 'search' | 'get'
  readonly entityId?: number
  readonly params?: Readonly<Record<string, unknown>>
}

const record = <Schema extends z.ZodType>(value: Schema) => z.record(z.string(), value).catch({})

/** `success` stays true where calls failed: `errors` and `summary.failed` tell. */
export const batchResponse = z.object({
  data: z.object({
    results: record(z.unknown()),
    totals: record(optionalInteger),
    errors: record(z.object({ code: optionalText, message: optionalText })),
    summary: z.object({ failed: optionalInteger }).catch({ failed: null }),
  }),
})
