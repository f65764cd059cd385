import { callAssign, callCancel, callRerun, callRetry, callWriteAgain } from '../../ops/call-again.ts'
import { callCount, callList } from '../../ops/call-list.ts'
import { callShow } from '../../ops/call-show.ts'
import { causeIgnore, causeList, causeReopen, causeResolve } from '../../ops/causes.ts'
import { deliveriesList } from '../../ops/deliveries-list.ts'
import { draftDecide, draftList, draftRetry, draftUndo } from '../../ops/drafts.ts'
import { gateOpen } from '../../ops/gate-open.ts'
import type { Operation } from '../../ops/operation.ts'
import { overview } from '../../ops/overview.ts'
import { retryList, retryShow, retryStart } from '../../ops/retry-many.ts'
import { reviewDecide, reviewExamples, reviewList } from '../../ops/reviews.ts'

/** A route that runs an operation: query or body, and the names in its path, are the operation's input. */
export interface Endpoint {
  readonly method: 'GET' | 'POST'
  /** With `{name}` where an operation's field of this name stands. */
  readonly path: string
  readonly operation: Operation
  /** 202: it goes on in the background. */
  readonly status: 200 | 202
}

const read = (path: string, operation: Operation): Endpoint => ({ method: 'GET', path, operation, status: 200 })
const act = (path: string, operation: Operation, status: 200 | 202 = 200): Endpoint => ({
  method: 'POST',
  path,
  operation,
  status,
})

/** The routes behind the dashboard. `POST /api/v1/calls` (a file may come with it) and the streams stand beside them. */
export const endpoints: readonly Endpoint[] = [
  read('/calls', callList),
  read('/calls/counts', callCount),
  read('/calls/{call}', callShow),
  act('/calls/{call}/retry', callRetry, 202),
  act('/calls/{call}/rerun', callRerun, 202),
  act('/calls/{call}/assign', callAssign, 202),
  act('/calls/{call}/write-again', callWriteAgain, 202),
  act('/calls/{call}/cancel', callCancel),
  act('/calls/{call}/review', reviewDecide),
  read('/causes', causeList),
  act('/causes/{class}/resolve', causeResolve),
  act('/causes/{class}/ignore', causeIgnore),
  act('/causes/{class}/reopen', causeReopen),
  act('/gates/open', gateOpen),
  read('/retries', retryList),
  act('/retries', retryStart, 202),
  read('/retries/{id}', retryShow),
  read('/review', reviewList),
  read('/review/examples', reviewExamples),
  read('/drafts', draftList),
  act('/drafts/{id}/decide', draftDecide, 202),
  act('/drafts/{id}/undo', draftUndo, 202),
  act('/drafts/{id}/retry', draftRetry, 202),
  read('/overview', overview),
  read('/deliveries', deliveriesList),
]
