import type { FastifyReply } from 'fastify'
import { isRecordAway } from '../db/record-away.ts'
import { UploadQuotaFull, UsageError } from '../errors.ts'
import { OperationError } from '../ops/operation.ts'

/** An answer that is no success, as RFC 9457 tells it, with the mend beside it. */
export class Problem extends Error {
  override name = 'Problem'
  readonly status: number
  readonly kind: string
  readonly mend: string
  readonly headers: Readonly<Record<string, string>>
  constructor(status: number, kind: string, detail: string, mend: string, headers: Record<string, string> = {}) {
    super(detail)
    this.status = status
    this.kind = kind
    this.mend = mend
    this.headers = headers
  }
}

const titles: Readonly<Record<number, string>> = {
  400: 'Bad request',
  401: 'Not known',
  403: 'Not allowed',
  404: 'Not found',
  405: 'Method not allowed',
  408: 'Too slow',
  409: 'Not now',
  410: 'Gone',
  413: 'Too large',
  415: 'Unsupported type',
  422: 'Contradiction',
  429: 'Too many requests',
  500: 'A fault in Callsift',
  503: 'Not available',
  507: 'No room',
}

export const recordAway = () =>
  new Problem(
    503,
    'record_away',
    'The record (database) does not answer, so nothing was taken in.',
    'Send it again; what is not sent again is found by reconcile.',
    { 'retry-after': '10' },
  )

/** A request that was still under way when the program closed its record. */
function isRecordClosed(error: unknown): boolean {
  return error instanceof Error && /PGlite is closed|driver has already been destroyed/i.test(error.message)
}

/** Reads any error as the problem to be answered; null where it is a fault of ours, to be logged. */
export function readProblem(error: unknown): Problem | null {
  if (error instanceof Problem) return error
  if (error instanceof OperationError) return new Problem(error.status, error.kind, error.message, error.hint ?? '')
  if (error instanceof UploadQuotaFull) return new Problem(507, 'upload_quota', error.message, error.hint ?? '')
  if (error instanceof UsageError) return new Problem(409, 'not_possible', error.message, error.hint ?? '')
  if (isRecordAway(error) || isRecordClosed(error)) return recordAway()
  const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500
  if (status >= 400 && status < 500 && error instanceof Error) {
    return new Problem(
      status,
      'bad_request',
      error.message,
      'Correct the request and send it again; nothing was changed.',
    )
  }
  return null
}

export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  return reply
    .code(problem.status)
    .headers(problem.headers)
    .type('application/problem+json')
    .send(
      JSON.stringify({
        type: `urn:callsift:problem:${problem.kind}`,
        title: titles[problem.status] ?? 'Refused',
        status: problem.status,
        detail: problem.message,
        mend: problem.mend,
      }),
    )
}
