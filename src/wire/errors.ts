/** One failed request, read by the table below: everything that client, engine and pages need to know of it. */
export interface Failure {
  /** Group word, lower snake case: `rate_limited`, `insufficient_balance`, `invalid_api_key`, … */
  readonly class: string
  readonly outcome: 'later' | 'retry' | 'permanent'
  /** What the failure closes: the key (all families), the family, the model on the key, the one entity, or nothing. */
  readonly scope: 'key' | 'family' | 'model' | 'entity' | 'none'
  /** For `later` and 429: how long nothing may be sent, in ms. */
  readonly waitMs?: number
  /** A person must act before it can work again (wrong key, empty balance, missing scope). */
  readonly needsPerson: boolean
  /** The request may have been applied although it failed: a write must be read back. */
  readonly doubt: boolean
  readonly maxAttempts?: number
  readonly message: string
  readonly hint: string
  readonly httpStatus?: number
  readonly code?: string
  readonly requestId?: string
}
