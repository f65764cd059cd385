import type { Failure } from '../wire/errors.ts'

/**
 * Which of a key's doors a request goes through. `bot` and `im`: chat messages and notifications of ours; a bot without its scope must not
 * close what calls go through.
 */
export type Family = 'ai' | 'crm' | 'portal' | 'bot' | 'im'

export interface RequestPlan {
  readonly family: Family
  /** The model asked for, on AI routes: an empty balance closes the model, not the family. */
  readonly model?: string
  /** A paid or non-repeatable request: the step's fence is checked again just before the bytes leave. */
  readonly fenced?: boolean
  /** A recording's bytes: at most one of the portal's two slots at a time. */
  readonly bytes?: boolean
}

/** What came back, told to the gates: rate headers on every answer, the failure where there is one. */
export interface RequestReport {
  readonly status?: number
  readonly headers?: Record<string, string | string[] | undefined>
  readonly failure?: Failure
}

/** The right to send one request. */
export interface Permit {
  /** Called at undici's `onRequestStart`, in the tick in which the bytes leave; throws `StalePermit` when they no longer may. */
  assertFresh(): void
  /** Must be called once, whatever happened; frees the slots and closes gates. */
  leave(report: RequestReport): Promise<void>
}

/**
 * Handed to the client by whoever owns the limits. `enter` waits for a free slot (at most about 2 s)
 * and throws `Later` or `Blocked` (src/errors.ts) when the wait would be longer or a gate is closed.
 */
export interface RequestGuard {
  enter(plan: RequestPlan, signal?: AbortSignal): Promise<Permit>
}

/** The permit lapsed before the bytes left (a pause, a lost lease, a gate closed meanwhile). Nothing was sent. */
export class StalePermit extends Error {
  override name = 'StalePermit'
}
