import { finished, type Readable } from 'node:stream'
import pRetry from 'p-retry'
import type { Dispatcher } from 'undici'
import { isStepFailure, Later, Retry } from '../errors.ts'
import type { Log } from '../log.ts'
import { badUpstream, type Failure, readEnvelope, readFailure, readNetworkFailure } from '../wire/errors.ts'
import { type HeaderBag, headerValues } from '../wire/waits.ts'
import { maxAnswerBytes, parseJsonBody, readBytes, UnreadableBody } from './answer-body.ts'
import type { Connections } from './connections.ts'
import type { ClientDurations } from './durations.ts'
import { failureError, failureOf } from './failure-error.ts'
import { type Permit, type RequestGuard, type RequestPlan, type RequestReport, StalePermit } from './guard.ts'
import type { Notices } from './notices.ts'
import { type Departure, type OutgoingRequest, type Reply, send } from './send.ts'

/** A body that is opened anew for each sending, so that a repetition never meets a half-read stream. */
export interface StreamedBody {
  readonly contentType: string
  /** Exact length in bytes, sent as Content-Length. */
  readonly bytes: number
  open(): Readable
}

export interface RequestSpec {
  readonly method: OutgoingRequest['method']
  /** Below the base URL, ids filled in, e.g. `/deals/77`. */
  readonly path: string
  /** Path pattern for logs, notices and messages, e.g. `/v1/deals/:id`. */
  readonly route: string
  readonly query?: Readonly<Record<string, string | number | undefined>>
  readonly json?: unknown
  readonly stream?: StreamedBody
  readonly plan: RequestPlan
  /** Two quick repetitions after a failure that came fast: reads and AI calls, never CRM writes. */
  readonly repeatable: boolean
  /** A part of what is asked for: `bytes=0-1023`. */
  readonly range?: string
  /** On a connection of its own, closed afterwards. */
  readonly fresh?: boolean
  /** From sending to the last byte. */
  readonly deadlineMs: number
}

export interface Answer {
  readonly status: number
  readonly headers: HeaderBag
  /** Parsed JSON; undefined for 204. */
  readonly body: unknown
  readonly requestId: string | undefined
}

export interface StreamAnswer {
  readonly status: number
  readonly headers: HeaderBag
  readonly requestId: string | undefined
  /** The permit is held until this ends, fails or is destroyed. */
  readonly body: Readable
}

export interface RequesterOptions {
  readonly baseUrl: string
  readonly apiKey: string
  /** Header the key goes in; `x-api-key` unless told. */
  readonly auth?: 'x-api-key' | 'bearer'
  readonly guard: RequestGuard
  readonly log: Log
  readonly connections: Connections
  readonly durations: ClientDurations
  readonly notices: Notices
  readonly signal?: AbortSignal | undefined
  readonly now?: () => number
  readonly random?: () => number
}

export interface Requester {
  /** Sends and reads a JSON answer. Throws `Later`, `Retry`, `Permanent` with `failure`, or what the guard throws. */
  json(spec: RequestSpec): Promise<Answer>
  /** Sends and hands out the body of a 2xx as it comes. */
  open(spec: RequestSpec): Promise<StreamAnswer>
}

const maxEntries = 5

type Attempt<Value> =
  | { readonly kind: 'value'; readonly value: Value; readonly report: RequestReport }
  | { readonly kind: 'failure'; readonly failure: Failure; readonly cause: unknown; readonly report: RequestReport }
  | { readonly kind: 'stale' }
  | { readonly kind: 'thrown'; readonly error: unknown }

export function createRequester(options: RequesterOptions): Requester {
  const { log, durations, notices, guard } = options
  const basePath = new URL(options.baseUrl).pathname.replace(/\/+$/, '')
  const clock = { now: options.now ?? Date.now, random: options.random ?? Math.random }
  const secrets = [options.apiKey]

  async function json(spec: RequestSpec): Promise<Answer> {
    if (!spec.repeatable) return jsonOnce(spec)
    return pRetry(() => jsonOnce(spec), {
      retries: 2,
      factor: 3,
      minTimeout: durations.quickRetryMinMs,
      maxTimeout: durations.quickRetryMaxMs,
      randomize: true,
      shouldRetry: ({ error }) => isQuick(error) && options.signal?.aborted !== true,
    })
  }

  async function jsonOnce(spec: RequestSpec): Promise<Answer> {
    return entered(spec, async (permit) => {
      const attempt = await exchange(spec, permit, async (reply, requestId) => {
        const body = await readAnswer(reply)
        return { status: reply.status, headers: reply.headers, body, requestId }
      })
      await leave(permit, attempt, spec)
      return attempt
    })
  }

  async function open(spec: RequestSpec): Promise<StreamAnswer> {
    return entered(spec, async (permit) => {
      const attempt = await exchange(spec, permit, async (reply, requestId) => {
        return { status: reply.status, headers: reply.headers, requestId, body: reply.body }
      })
      if (attempt.kind !== 'value') await leave(permit, attempt, spec)
      // Never rejects: `leave` keeps to itself what the guard throws after a success.
      else finished(attempt.value.body, { writable: false }, () => void leave(permit, attempt, spec))
      return attempt
    })
  }

  /** Enters the guard until the permit was still good when the bytes left. */
  async function entered<Value>(
    spec: RequestSpec,
    attemptWith: (permit: Permit) => Promise<Attempt<Value>>,
  ): Promise<Value> {
    const route = routeOf(spec)
    for (let entry = 1; entry <= maxEntries; entry += 1) {
      const permit = await guard.enter(spec.plan, options.signal)
      const attempt = await attemptWith(permit)
      if (attempt.kind === 'value') return attempt.value
      if (attempt.kind === 'failure') throw failureError(attempt.failure, attempt.cause)
      if (attempt.kind === 'thrown') throw attempt.error
      log.debug({ route, entry }, 'permit lapsed before sending')
    }
    throw new Later(1_000, 'permit_lapsed', {
      message: `The right to send ${route} lapsed ${maxEntries} times before a byte left; nothing was sent.`,
      hint: 'Nothing to do: it is tried again by itself.',
    })
  }

  async function exchange<Value>(
    spec: RequestSpec,
    permit: Permit,
    read: (reply: Reply, requestId: string | undefined) => Promise<Value>,
  ): Promise<Attempt<Value>> {
    const route = routeOf(spec)
    const departure: Departure = { started: false }
    const deadline = AbortSignal.timeout(spec.deadlineMs)
    const signal = options.signal === undefined ? deadline : AbortSignal.any([options.signal, deadline])
    const fresh = spec.fresh === true ? options.connections.openFresh() : undefined
    const body = spec.stream?.open() ?? (spec.json === undefined ? null : JSON.stringify(spec.json))
    let reply: Reply | undefined
    try {
      const request = outgoing(spec, body, signal)
      reply = await send(fresh ?? options.connections.pool, request, () => permit.assertFresh(), departure)
      const { status, headers } = reply
      const requestId = headerValues(headers, 'x-request-id')[0]
      notices.read(route, headers)
      log.debug({ route, status, requestId }, 'upstream answered')
      if (status >= 200 && status < 300) {
        const value = await read(reply, requestId)
        return { kind: 'value', value, report: { status, headers } }
      }
      const said = status >= 400 ? await readErrorBody(reply) : undefined
      reply.body.destroy()
      const failure = readFailure({ status, headers, body: said, route, secrets, ...clock })
      return { kind: 'failure', failure, cause: undefined, report: { status, headers, failure } }
    } catch (error) {
      return failedAttempt(error, { route, departure, reply })
    } finally {
      if (typeof body === 'object' && body !== null) body.destroy()
      if (fresh !== undefined) void closeQuietly(fresh)
    }
  }

  function failedAttempt(
    error: unknown,
    facts: { route: string; departure: Departure; reply: Reply | undefined },
  ): Attempt<never> {
    const { route, departure, reply } = facts
    reply?.body.destroy()
    if (!departure.started && error instanceof StalePermit) return { kind: 'stale' }
    const answered = reply === undefined ? {} : { status: reply.status, headers: reply.headers }
    const requestId = reply === undefined ? undefined : headerValues(reply.headers, 'x-request-id')[0]
    if (error instanceof RefusedBody && reply !== undefined) {
      const said = { status: reply.status, headers: reply.headers, body: error.body, route, secrets, ...clock }
      const failure = readFailure(said)
      return { kind: 'failure', failure, cause: undefined, report: { ...answered, failure } }
    }
    if (error instanceof UnreadableBody && reply !== undefined) {
      const failure = badUpstream({ route, status: reply.status, what: error.message, requestId })
      return { kind: 'failure', failure, cause: error, report: { ...answered, failure } }
    }
    // What the guard, the caller's stream or the fence says goes through as it is.
    if (isStepFailure(error) || (!departure.started && !isNetwork(error))) return { kind: 'thrown', error }
    const aborted = options.signal?.aborted === true
    const failure = readNetworkFailure(aborted ? new DOMException('', 'AbortError') : error, {
      bytesSent: departure.started,
      route,
      secrets,
      ...(requestId === undefined ? {} : { requestId }),
    })
    return { kind: 'failure', failure, cause: undefined, report: { ...answered, failure } }
  }

  /** Once per permit. A step's end thrown by the guard wins, except over a result or a doubt: those must not get lost. */
  async function leave(permit: Permit, attempt: Attempt<unknown>, spec: RequestSpec): Promise<void> {
    const report = attempt.kind === 'value' || attempt.kind === 'failure' ? attempt.report : {}
    try {
      await permit.leave(report)
    } catch (error) {
      const outranked = attempt.kind === 'failure' && !attempt.failure.doubt && isStepFailure(error)
      if (outranked) throw error
      log.warn({ route: routeOf(spec), err: error }, 'the guard could not take back a permit')
    }
  }

  function outgoing(spec: RequestSpec, body: OutgoingRequest['body'], signal: AbortSignal): OutgoingRequest {
    const headers: Record<string, string> = { accept: 'application/json', 'user-agent': 'callsift' }
    if (options.auth === 'bearer') headers['authorization'] = `Bearer ${options.apiKey}`
    else headers['x-api-key'] = options.apiKey
    if (spec.range !== undefined) headers['range'] = spec.range
    if (spec.stream !== undefined) {
      headers['content-type'] = spec.stream.contentType
      headers['content-length'] = String(spec.stream.bytes)
    } else if (spec.json !== undefined) headers['content-type'] = 'application/json'
    const bodyTimeout = Math.min(durations.bodyIdleMs, spec.deadlineMs)
    const path = `${basePath}${spec.path}${queryOf(spec.query)}`
    return { method: spec.method, path, headers, body, signal, headersTimeout: spec.deadlineMs, bodyTimeout }
  }

  return { json, open }
}

/** A 2xx whose body says that it failed. */
class RefusedBody extends Error {
  override name = 'RefusedBody'
  readonly body: unknown
  constructor(body: unknown) {
    super('the body says that the request failed')
    this.body = body
  }
}

async function readAnswer(reply: Reply): Promise<unknown> {
  const bytes = await readBytes(reply.body, maxAnswerBytes)
  if (reply.status === 204) return undefined
  const body = parseJsonBody(bytes, headerValues(reply.headers, 'content-type')[0])
  if (typeof body === 'object' && body !== null) {
    const failed = 'success' in body && body.success === false
    // A 2xx with an error in it is the portal's way to refuse within an accepted request.
    if (failed || ('error' in body && readEnvelope({ error: body.error }).code !== undefined))
      throw new RefusedBody(body)
  }
  return body
}

/** The status alone says enough: a body that cannot be read adds nothing. */
async function readErrorBody(reply: Reply): Promise<unknown> {
  try {
    return parseJsonBody(await readBytes(reply.body, maxAnswerBytes), headerValues(reply.headers, 'content-type')[0])
  } catch {
    return undefined
  }
}

/** Repeated at once are failures that came fast and have no cap of their own: a cap and quick tries would multiply. */
function isQuick(error: unknown): boolean {
  const failure = failureOf(error)
  if (!(error instanceof Retry) || failure === undefined || failure.maxAttempts !== undefined) return false
  return failure.class === 'network' || failure.httpStatus === 502 || failure.httpStatus === 503
}

function isNetwork(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (error.name === 'TimeoutError' || error.name === 'AbortError') return true
  return 'code' in error && typeof error.code === 'string'
}

function routeOf(spec: RequestSpec): string {
  return `${spec.method} ${spec.route}`
}

function queryOf(query: RequestSpec['query']): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query ?? {})) if (value !== undefined) search.append(name, String(value))
  const text = search.toString()
  return text === '' ? '' : `?${text}`
}

async function closeQuietly(dispatcher: Dispatcher): Promise<void> {
  try {
    await dispatcher.destroy()
  } catch {
    // Closing a connection that is already gone changes nothing.
  }
}
