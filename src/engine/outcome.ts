import { isRecordAway } from '../db/record-away.ts'
import { Blocked, isStepFailure, Later, Permanent, Retry } from '../errors.ts'
import { isPage, type Page } from './page.ts'

/** What a finished attempt left behind: the six endings of a step, a page, or a release at shutdown. */
export type Outcome =
  | { readonly kind: 'value'; readonly output: unknown; readonly inputHash: string }
  | { readonly kind: 'page'; readonly page: Page; readonly inputHash: string }
  | { readonly kind: 'later'; readonly failure: Later }
  | { readonly kind: 'blocked'; readonly failure: Blocked }
  | { readonly kind: 'retry'; readonly failure: Retry }
  | { readonly kind: 'permanent'; readonly failure: Permanent }
  | { readonly kind: 'bug'; readonly failure: Permanent }
  /** Put back untouched, because the program is asked to stop. */
  | { readonly kind: 'released' }

export function valueOutcome(returned: unknown, inputHash: string): Outcome {
  return isPage(returned) ? { kind: 'page', page: returned, inputHash } : { kind: 'value', output: returned, inputHash }
}

/** An error that nobody classified is a bug of ours: parked at once with its stack, never repeated blindly. */
export function failureOutcome(error: unknown): Outcome {
  if (error instanceof Later) return { kind: 'later', failure: error }
  if (error instanceof Blocked) return { kind: 'blocked', failure: error }
  if (error instanceof Retry) return { kind: 'retry', failure: error }
  if (error instanceof Permanent) return { kind: 'permanent', failure: error }
  if (isRecordAway(error)) {
    // The database went away under the step. That is no fault of the step: it spends no attempt, and is due as soon as that is stored.
    const failure = new Later(1_000, 'record_away', {
      message: `The database did not answer while this step ran: ${String(error)}`,
      hint: 'Nothing to do: the step is repeated by itself.',
      cause: error,
    })
    return { kind: 'later', failure }
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return {
    kind: 'bug',
    failure: new Permanent('bug', {
      message: `This step failed in a way the program does not know: ${stack}`,
      hint: 'Please report it with this text; after an update, retry the step.',
      policy: 'fix',
      cause: isStepFailure(error) ? undefined : error,
    }),
  }
}
