import { Later, Permanent, Retry } from '../errors.ts'
import type { Failure } from '../wire/errors.ts'

/** What the client throws: a way for the step to end, and the failure as it was read. */
export type UpstreamError = (Later | Retry | Permanent) & { readonly failure: Failure }

/** Makes the thrown error of a failure. A person's matter ends `Permanent` with policy `fix`: the gate, not the step, waits. */
export function failureError(failure: Failure, cause?: unknown): UpstreamError {
  const facts = {
    message: failure.message,
    hint: failure.hint,
    httpStatus: failure.httpStatus,
    code: failure.code,
    requestId: failure.requestId,
    cause,
  }
  if (failure.outcome === 'later') {
    return Object.assign(new Later(failure.waitMs ?? 1_000, failure.class, facts), { failure })
  }
  if (failure.outcome === 'retry') {
    const capped = failure.maxAttempts === undefined ? facts : { ...facts, maxAttempts: failure.maxAttempts }
    return Object.assign(new Retry(failure.class, capped), { failure })
  }
  return Object.assign(
    new Permanent(failure.class, { ...facts, policy: failure.needsPerson || failure.fix === true ? 'fix' : 'manual' }),
    {
      failure,
    },
  )
}

/** The failure an error was made of; undefined for errors that did not come from a request. */
export function failureOf(error: unknown): Failure | undefined {
  if (!(error instanceof Later || error instanceof Retry || error instanceof Permanent)) return undefined
  return 'failure' in error ? (error.failure as Failure) : undefined
}

/**
 * Whether a write that ended in this error may have been applied all the same and must be read back.
 * False where nothing was sent or the upstream refused plainly.
 */
export function isInDoubt(error: unknown): boolean {
  return failureOf(error)?.doubt ?? false
}
