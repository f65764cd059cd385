import type { Answer } from './ask.ts'
import type { ChatRequest } from './chat-request.ts'
import type { Exchange, Kit } from './exchange.ts'
import type { Used } from './meter.ts'

/** An answer of a provider on its way to the client. */
export interface Relay {
  readonly kit: Kit
  readonly exchange: Exchange
  readonly wanted: ChatRequest
  readonly answer: Answer
  readonly headers: Readonly<Record<string, string>>
}

/** The counts of a `usage` object; null where it is none. */
export function readUsage(value: unknown): { promptTokens: number; completionTokens: number } | null {
  if (typeof value !== 'object' || value === null) return null
  const count = (name: string) => {
    const number = (value as Record<string, unknown>)[name]
    return typeof number === 'number' && Number.isFinite(number) && number >= 0 ? Math.round(number) : null
  }
  const promptTokens = count('prompt_tokens')
  const completionTokens = count('completion_tokens')
  if (promptTokens === null && completionTokens === null) return null
  return { promptTokens: promptTokens ?? 0, completionTokens: completionTokens ?? 0 }
}

/** What is to be written down; counted by us where the provider did not say. */
export function usedBy(
  { answer, wanted }: Relay,
  usage: { promptTokens: number; completionTokens: number } | null,
  countedTokens: number,
): Used {
  const { target } = answer
  const counts = usage ?? { promptTokens: wanted.promptTokens, completionTokens: countedTokens }
  return {
    source: target.source,
    model: target.modelId,
    price: target.price,
    audioMs: 0,
    estimated: usage === null,
    ...counts,
  }
}
