import type { Price } from './prices.ts'

/** One place that can serve a model. */
export interface Target {
  /** As callers name the model. */
  readonly modelId: string
  readonly kind: 'chat' | 'transcription'
  readonly context: number | null
  readonly can: readonly string[]
  readonly price: Price
  /** As the upstream names the model. */
  readonly upstreamModel: string
  /** A credential's id, or the name of the operator's upstream: what is cooled, and what usage stands under. */
  readonly source: string
  readonly baseUrl: string
  /** Unseals a credential: asked for when something is about to be sent. */
  readonly headers: () => Readonly<Record<string, string>>
  /** Chosen by a caller, so looked at with every connection. */
  readonly guarded: boolean
  /** A credential, which can be refused by its provider; the operator's own upstream is not taken out. */
  readonly credential: boolean
}
