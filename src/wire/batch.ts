import { z } from 'zod'

export type BatchAction = 'list' | 'get' | 'create' | 'update' | 'delete' | 'fields' | 'search'

/** One call of `POST /v1/batch`; at most 50 together. */
export interface BatchCall {
  readonly id: string
  readonly entity: string
  readonly action: BatchAction
  readonly entityId?: number
  readonly params?: Readonly<Record<string, unknown>>
}

export const batchError = z.object({ code: z.string().nullish(), message: z.string().nullish() })

/** `success` stays true when some of the calls fail: look at `errors`. */
export const batchResponse = z.object({
  data: z.object({
    results: z.record(z.string(), z.unknown()).catch({}),
    errors: z.record(z.string(), batchError).catch({}),
  }),
})
export type BatchResponse = z.infer<typeof batchResponse>
