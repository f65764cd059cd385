import { z } from 'zod'

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant'
  readonly content: string
}

export type ResponseFormat =
  | { readonly type: 'text' }
  | { readonly type: 'json_object' }
  | {
      readonly type: 'json_schema'
      readonly json_schema: { readonly name: string; readonly strict: boolean; readonly schema: unknown }
    }

const tokens = z
  .unknown()
  .optional()
  .transform((value) => (typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 0))

const usage = z
  .object({ prompt_tokens: tokens, completion_tokens: tokens })
  .transform((counts) => ({ promptTokens: counts.prompt_tokens, completionTokens: counts.completion_tokens }))
  .catch({ promptTokens: 0, completionTokens: 0 })

const choice = z.object({
  finish_reason: z.string().nullish().catch(null),
  message: z
    .object({ content: z.unknown().optional(), refusal: z.unknown().optional(), tool_calls: z.unknown().optional() })
    .nullish()
    .catch(null),
})

/**
 * What comes back. Choices that are missing or of another shape are no choices, so that the caller asks again
 * instead of failing on a shape; counts that are missing or negative are 0.
 */
export const chatResponse = z.object({
  id: z.string().nullish().catch(null),
  model: z.string().nullish().catch(null),
  choices: z.array(choice).catch([]),
  usage,
})

export type ChatResponse = z.infer<typeof chatResponse>
export type TokenUsage = ChatResponse['usage']
