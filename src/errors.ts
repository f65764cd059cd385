/**
 * How a step may end besides returning a value (docs/architecture.md, Endings).
 * Each carries a `class`: the word under which failures are grouped, counted and mended.
 */
export interface FailureFacts {
  /** One sentence for a person: what was tried, on which id, what came back. */
  readonly message: string
  /** What to do about it, in words an operator can act on. */
  readonly hint?: string | undefined
  readonly httpStatus?: number | undefined
  /** The upstream's error code as it came, e.g. `RATE_LIMIT_EXCEEDED`. */
  readonly code?: string | undefined
  /** `X-Request-Id` of the upstream, to be quoted in a ticket. */
  readonly requestId?: string | undefined
  readonly cause?: unknown
}

abstract class StepEnd extends Error {
  readonly class: string
  readonly hint: string | undefined
  readonly httpStatus: number | undefined
  readonly code: string | undefined
  readonly requestId: string | undefined

  constructor(failureClass: string, facts: FailureFacts) {
    super(facts.message, facts.cause === undefined ? undefined : { cause: facts.cause })
    this.class = failureClass
    this.hint = facts.hint
    this.httpStatus = facts.httpStatus
    this.code = facts.code
    this.requestId = facts.requestId
  }
}

/** Due again after `delayMs`; spends no attempt, but has a budget of 24 h. */
export class Later extends StepEnd {
  override name = 'Later'
  readonly delayMs: number
  constructor(delayMs: number, failureClass: string, facts: FailureFacts) {
    super(failureClass, facts)
    this.delayMs = Math.max(0, Math.ceil(delayMs))
  }
}

/** The named gate is closed: the step keeps its place and goes on by itself when it opens. */
export class Blocked extends StepEnd {
  override name = 'Blocked'
  readonly gate: string
  constructor(gate: string, failureClass: string, facts: FailureFacts) {
    super(failureClass, facts)
    this.gate = gate
  }
}

/** Worth another attempt; the engine decides when, and how many. */
export class Retry extends StepEnd {
  override name = 'Retry'
  /** Caps the attempts of this class below the engine's six (500: two). */
  readonly maxAttempts: number | undefined
  constructor(failureClass: string, facts: FailureFacts & { maxAttempts?: number }) {
    super(failureClass, facts)
    this.maxAttempts = facts.maxAttempts
  }
}

/** No repetition can help; parked until a person mends it. */
export class Permanent extends StepEnd {
  override name = 'Permanent'
  /** `fix`: goes on after something is mended. `manual`: needs a person's decision for this one. */
  readonly policy: 'fix' | 'manual'
  constructor(failureClass: string, facts: FailureFacts & { policy?: 'fix' | 'manual' }) {
    super(failureClass, facts)
    this.policy = facts.policy ?? 'manual'
  }
}

export type StepFailure = Later | Blocked | Retry | Permanent

export function isStepFailure(error: unknown): error is StepFailure {
  return error instanceof StepEnd
}

/** A mistake of whoever started or configured the program: printed without a stack, exit code as given. */
export class UsageError extends Error {
  override name = 'UsageError'
  readonly exitCode: number
  readonly hint: string | undefined
  constructor(message: string, options: { hint?: string; exitCode?: number } = {}) {
    super(message)
    this.hint = options.hint
    this.exitCode = options.exitCode ?? 64
  }
}

/** There is no room for another recording: 507 to who sent it. */
export class UploadQuotaFull extends UsageError {
  override name = 'UploadQuotaFull'
  constructor(facts: { heldBytes: number; quotaBytes: number; askedBytes: number }) {
    const mb = (bytes: number) => `${Math.ceil(bytes / 1024 / 1024)} MB`
    super(
      `The recordings kept here take ${mb(facts.heldBytes)} of ${mb(facts.quotaBytes)}; ${mb(facts.askedBytes)} more have no room.`,
      {
        hint: 'Room comes back by age (CALLSIFT_KEEP_UPLOADS_DAYS) and by erasing calls; CALLSIFT_UPLOAD_QUOTA_MB gives more.',
        exitCode: 75,
      },
    )
  }
}
