import { type BatchCall, batchResponse } from '../wire/batch.ts'
import { badUpstream, type Failure, readFailure } from '../wire/errors.ts'
import type { ClientDurations } from './durations.ts'
import { failureError } from './failure-error.ts'
import { readShape } from './read.ts'
import type { Requester } from './request.ts'

const route = '/v1/batch'
/** The API takes no more calls in one request. */
export const mostCalls = 50

export interface BatchAnswer {
  readonly results: ReadonlyMap<string, { readonly data: unknown; readonly total: number | null }>
  /** Calls that failed, with what each failure means. Calls that were not answered at all are among them. */
  readonly failed: ReadonlyMap<string, Failure>
}

/** Runs up to fifty reads in one request, which counts as one against the limits. Throws only where all of it failed. */
export type RunBatch = (calls: readonly BatchCall[]) => Promise<BatchAnswer>

/** Codes come without a status here; this is the one each would have had. */
const statusOf: Readonly<Record<string, number>> = {
  RATE_LIMITED: 429,
  RATE_LIMIT_EXCEEDED: 429,
  BITRIX_UNAVAILABLE: 502,
  INTERNAL_ERROR: 500,
  QUEUE_TIMEOUT: 504,
  BITRIX_ACCESS_DENIED: 403,
  ACCESS_DENIED: 403,
  SCOPE_DENIED: 403,
  ENTITY_NOT_FOUND: 404,
  NOT_FOUND: 404,
  BITRIX_ERROR: 422,
}

export function createBatch(requester: Requester, durations: ClientDurations): RunBatch {
  return async (calls) => {
    if (calls.length > mostCalls) throw new Error(`a batch of ${calls.length} calls; at most ${mostCalls} are taken`)
    const answer = await requester.json({
      method: 'POST',
      path: '/batch',
      route,
      json: { calls },
      plan: { family: 'crm' },
      // Only reads are batched here, so a repetition does no harm.
      repeatable: true,
      deadlineMs: durations.requestMs,
    })
    const { results, totals, errors } = readShape(batchResponse, answer, `POST ${route}`).data
    const done = new Map<string, { data: unknown; total: number | null }>()
    const failed = new Map<string, Failure>()
    for (const { id, entity, action } of calls) {
      const error = errors[id]
      if (error !== undefined) {
        const status = statusOf[error.code?.toUpperCase() ?? ''] ?? 400
        failed.set(
          id,
          readFailure({ status, headers: {}, body: { error }, route: `${action} ${entity} in POST ${route}` }),
        )
      } else if (id in results) done.set(id, { data: results[id], total: totals[id] ?? null })
      else
        failed.set(
          id,
          badUpstream({
            route: `POST ${route}`,
            status: answer.status,
            what: `no answer to ${action} ${entity}`,
            requestId: answer.requestId,
          }),
        )
    }
    return { results: done, failed }
  }
}

/** The failure of one call, thrown as a request's of its own would be. */
export function throwFailed(failure: Failure): never {
  throw failureError(failure)
}
