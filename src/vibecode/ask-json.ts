import type { z } from 'zod'
import { Permanent } from '../errors.ts'
import type { ChatMessage, ResponseFormat, TokenUsage } from '../wire/chat.ts'
import type { CompleteOptions, Completion } from './chat.ts'
import { failureOf } from './failure-error.ts'
import { extractObject } from './strict-json.ts'
import type { UpstreamTraits } from './traits.ts'

export interface AskJsonOptions<Schema extends z.ZodType> {
  readonly model?: string | undefined
  readonly system: string
  readonly user: string
  /** Strict types: nothing is coerced, so `"88"` is no number. Unknown keys are dropped by plain objects. */
  readonly schema: Schema
  readonly temperature?: number | undefined
  readonly maxTokens?: number | undefined
  /** A JSON schema to ask by; used while the upstream is not known to refuse it. */
  readonly jsonSchema?: { readonly name: string; readonly schema: unknown } | undefined
}

export interface JsonAnswer<Value> {
  readonly value: Value
  /** Of all asks together. */
  readonly usage: TokenUsage
  /** The model that answered, as it names itself; otherwise the one asked. */
  readonly model: string | null
  readonly requestId: string | null
  /** 1, or 2 when the first answer had to be asked for again. */
  readonly asks: number
  /** Something was wrapped around the object (a fence, prose, a thinking block). */
  readonly cleaned: boolean
}

type Judged<Value> =
  | { readonly kind: 'value'; readonly value: Value; readonly cleaned: boolean }
  | { readonly kind: 'truncated' | 'empty'; readonly issue: string }
  | { readonly kind: 'bad'; readonly issue: string; readonly content: string }

const maxQuotedAnswer = 8_000
/** What a cut-off answer gets when no limit was set by us: the upstream's own default was too small. */
const roomierMaxTokens = 8_192

/**
 * Asks a model for one JSON object. One re-ask: in the same conversation with the issues listed, or with more room when
 * the answer was cut off. Then `Permanent` `bad_model_output` (`empty_completion` when it said nothing twice);
 * `refused` at once when the upstream says that the model will not answer.
 */
export async function askJson<Schema extends z.ZodType>(
  complete: (options: CompleteOptions) => Promise<Completion>,
  traits: UpstreamTraits,
  options: AskJsonOptions<Schema>,
): Promise<JsonAnswer<z.output<Schema>>> {
  const messages: ChatMessage[] = [
    { role: 'system', content: options.system },
    { role: 'user', content: options.user },
  ]
  let maxTokens = options.maxTokens
  let usage: TokenUsage = { promptTokens: 0, completionTokens: 0 }
  for (let asks = 1; ; asks += 1) {
    const completion = await completeJson(complete, traits, options, messages, maxTokens)
    usage = {
      promptTokens: usage.promptTokens + completion.usage.promptTokens,
      completionTokens: usage.completionTokens + completion.usage.completionTokens,
    }
    const judged = judge(completion, options.schema)
    if (judged.kind === 'value') {
      const { value, cleaned } = judged
      const { requestId } = completion
      return { value, usage, model: completion.model ?? options.model ?? null, requestId, asks, cleaned }
    }
    if (asks === 2) throw unusable(judged, completion)
    if (judged.kind === 'truncated') maxTokens = maxTokens === undefined ? roomierMaxTokens : maxTokens * 2
    if (judged.kind === 'bad') messages.push(...correction(judged))
  }
}

async function completeJson<Schema extends z.ZodType>(
  complete: (options: CompleteOptions) => Promise<Completion>,
  traits: UpstreamTraits,
  options: AskJsonOptions<Schema>,
  messages: readonly ChatMessage[],
  maxTokens: number | undefined,
): Promise<Completion> {
  const { model, temperature, jsonSchema } = options
  const ask = (responseFormat: ResponseFormat) => complete({ model, messages, temperature, maxTokens, responseFormat })
  if (jsonSchema === undefined || !traits.jsonSchema) return ask({ type: 'json_object' })
  try {
    return await ask({
      type: 'json_schema',
      json_schema: { name: jsonSchema.name, strict: true, schema: jsonSchema.schema },
    })
  } catch (error) {
    if (failureOf(error)?.httpStatus !== 400) throw error
    const completion = await ask({ type: 'json_object' })
    // Only now is it known that the format was what the upstream refused.
    traits.jsonSchema = false
    return completion
  }
}

function judge<Schema extends z.ZodType>(completion: Completion, schema: Schema): Judged<z.output<Schema>> {
  const choice = completion.choices[0]
  const refusal = choice?.message?.refusal
  if (choice?.finish_reason === 'content_filter' || (typeof refusal === 'string' && refusal !== '')) {
    throw new Permanent('refused', {
      message: `The model ${completion.model ?? ''} refused to answer (${choice?.finish_reason ?? 'refusal'}).`,
      hint: 'Look at the transcript: judge the call by hand, or use another model.',
      policy: 'manual',
      ...(completion.requestId === null ? {} : { requestId: completion.requestId }),
    })
  }
  // A cut-off answer may parse and still lack its end.
  if (choice?.finish_reason === 'length')
    return { kind: 'truncated', issue: 'The answer was cut off (finish_reason length).' }
  const content = choice?.message?.content
  if (typeof content !== 'string' || content.trim() === '') return { kind: 'empty', issue: 'The answer held no text.' }
  if (choice?.finish_reason !== 'stop') {
    return {
      kind: 'bad',
      issue: `The answer did not end by itself (finish_reason ${choice?.finish_reason ?? 'missing'}).`,
      content,
    }
  }
  const extracted = extractObject(content)
  if (!extracted.ok) return { kind: 'bad', issue: extracted.issue, content }
  const read = schema.safeParse(extracted.value)
  if (read.success) return { kind: 'value', value: read.data, cleaned: extracted.cleaned }
  const issues = read.error.issues
    .slice(0, 10)
    .map((issue) => `${issue.path.map(String).join('.') || 'object'}: ${issue.message}`)
  return { kind: 'bad', issue: issues.join('\n'), content }
}

function correction(judged: { issue: string; content: string }): ChatMessage[] {
  return [
    { role: 'assistant', content: judged.content.slice(0, maxQuotedAnswer) },
    {
      role: 'user',
      content: `Your answer cannot be used:\n${judged.issue}\nAnswer again with exactly one JSON object of the shape asked for, and nothing else.`,
    },
  ]
}

function unusable(judged: { kind: string; issue: string }, completion: Completion): Permanent {
  const failureClass = judged.kind === 'empty' ? 'empty_completion' : 'bad_model_output'
  return new Permanent(failureClass, {
    message: `The model ${completion.model ?? ''} gave no usable answer in two asks: ${judged.issue.replaceAll('\n', '; ')}`,
    hint: 'Retry with another model, or judge the call by hand.',
    policy: 'manual',
    ...(completion.requestId === null ? {} : { requestId: completion.requestId }),
  })
}
