import { z } from 'zod'

/** What OpenAI's API description (2.3.0) requires of the answers that the router gives; its optional fields may be there. */
const Logprobs = z.object({ content: z.array(z.unknown()).nullable(), refusal: z.array(z.unknown()).nullable() })
const whole = z.int().nonnegative()
const Usage = z.object({ prompt_tokens: whole, completion_tokens: whole, total_tokens: whole })
const FinishReason = z.enum(['stop', 'length', 'tool_calls', 'content_filter', 'function_call'])
const ToolCall = z.object({
  id: z.string(),
  type: z.literal('function'),
  function: z.object({ name: z.string(), arguments: z.string() }),
})

export const ChatCompletion = z.object({
  id: z.string(),
  object: z.literal('chat.completion'),
  created: whole,
  model: z.string(),
  choices: z
    .array(
      z.object({
        index: whole,
        finish_reason: FinishReason,
        logprobs: Logprobs.nullable(),
        message: z.object({
          role: z.literal('assistant'),
          content: z.string().nullable(),
          refusal: z.string().nullable(),
          tool_calls: z.array(ToolCall).optional(),
        }),
      }),
    )
    .min(1),
  usage: Usage.optional(),
})

export const ChatChunk = z.object({
  id: z.string(),
  object: z.literal('chat.completion.chunk'),
  created: whole,
  model: z.string(),
  choices: z.array(
    z.object({
      index: whole,
      delta: z.object({ role: z.string().optional(), content: z.string().nullish(), refusal: z.string().nullish() }),
      finish_reason: FinishReason.nullable(),
      logprobs: Logprobs.nullish(),
    }),
  ),
  usage: Usage.nullish(),
})

export const Model = z.object({ id: z.string(), object: z.literal('model'), created: whole, owned_by: z.string() })
export const ModelList = z.object({ object: z.literal('list'), data: z.array(Model).min(1) })

const Duration = z.object({ type: z.literal('duration'), seconds: z.number() })
export const Transcription = z.object({ text: z.string(), usage: Duration.optional() })
export const VerboseTranscription = z.object({
  language: z.string(),
  duration: z.number(),
  text: z.string(),
  words: z.array(z.object({ word: z.string(), start: z.number(), end: z.number() })).optional(),
  segments: z
    .array(
      z.object({
        id: whole,
        seek: whole,
        start: z.number(),
        end: z.number(),
        text: z.string(),
        tokens: z.array(whole),
        temperature: z.number(),
        avg_logprob: z.number(),
        compression_ratio: z.number(),
        no_speech_prob: z.number(),
      }),
    )
    .optional(),
  usage: Duration.optional(),
})

export const ErrorAnswer = z.strictObject({
  error: z.strictObject({
    message: z.string(),
    type: z.string(),
    param: z.string().nullable(),
    code: z.string().nullable(),
  }),
})
