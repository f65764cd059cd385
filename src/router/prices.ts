import { routerCurrency } from '../wire/router-currency.ts'
import listed from './prices.json' with { type: 'json' }

/** In millionths of the currency, for a million tokens or a minute of audio. */
export interface Price {
  readonly inputMicros: number
  readonly outputMicros: number
  readonly minuteMicros: number
}

/** A model that a provider is known to offer. */
export interface ListedModel {
  readonly id: string
  readonly kind: 'chat' | 'transcription'
  readonly context: number | null
  readonly can: readonly string[]
  readonly price: Price
}

const micros = (amount: string | undefined) => Math.round(Number(amount ?? 0) * 1_000_000)

interface Row {
  readonly id: string
  readonly kind: string
  readonly context?: number
  readonly input?: string
  readonly output?: string
  readonly minute?: string
  readonly can?: readonly string[]
}

export const pricesVersion = listed.version
export const currency = routerCurrency

export const listedModels: readonly ListedModel[] = (listed.models as readonly Row[]).map((row) => ({
  id: row.id,
  kind: row.kind === 'transcription' ? 'transcription' : 'chat',
  context: row.context ?? null,
  can: row.can ?? [],
  price: { inputMicros: micros(row.input), outputMicros: micros(row.output), minuteMicros: micros(row.minute) },
}))

export interface Amounts {
  readonly promptTokens: number
  readonly completionTokens: number
  readonly audioMs: number
}

/** Rounded up once, on the sum: an answer never costs less than it did. */
export function costMicros(price: Price, amounts: Amounts): number {
  const tokens = amounts.promptTokens * price.inputMicros + amounts.completionTokens * price.outputMicros
  return Math.ceil(tokens / 1_000_000 + (amounts.audioMs * price.minuteMicros) / 60_000)
}
