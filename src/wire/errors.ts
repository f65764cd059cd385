import { scrubSecrets } from '../scrub-secrets.ts'
import { describeClass } from './class-text.ts'
import { findErrorRow } from './error-table.ts'
import { type HeaderBag, headerValues, longestWaitMs } from './waits.ts'

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
  /** Nothing closes, but a repetition helps only after a mend: a right, another record, another model. */
  readonly fix?: boolean
  /** The request may have been applied although it failed: a write must be read back. */
  readonly doubt: boolean
  readonly maxAttempts?: number
  readonly message: string
  readonly hint: string
  readonly httpStatus?: number
  readonly code?: string
  readonly requestId?: string
}

export { describeClass }

/** The shortest wait after a 429, in ms; without a readable wait it is this plus up to as much again. */
const shortestWaitMs = 1_000
const maxMessageLength = 300

/** What an error envelope says, whichever of the three it is. */
export interface ErrorEnvelope {
  readonly code: string | undefined
  readonly message: string | undefined
  readonly hint: string | undefined
  readonly retryAfter: unknown
}

export interface FailedAnswer {
  readonly status: number
  readonly headers: HeaderBag
  /** The parsed body; undefined where it was no JSON. */
  readonly body: unknown
  /** Method and path pattern without ids, e.g. `GET /v1/deals/:id`. */
  readonly route: string
  /** Never to appear in the message: the key that was sent. */
  readonly secrets?: readonly string[]
  readonly now?: () => number
  readonly random?: () => number
}

/**
 * Reads `{error:{message,type,code}}`, `{success:false,error:{code,message,hint,userMessage,retryAfter}}` and
 * `{error:'CODE',error_description}`: the shared layer answers in either on any route, so none is tied to a route.
 */
export function readEnvelope(body: unknown): ErrorEnvelope {
  const outer = record(body)
  const error = outer['error']
  if (typeof error === 'string') {
    return { code: error, message: text(outer['error_description']), hint: undefined, retryAfter: outer['retryAfter'] }
  }
  const inner = record(error)
  const bitrix = record(inner['bitrixError'] ?? outer['bitrixError'])
  return {
    code: text(inner['code']) ?? text(outer['code']) ?? text(bitrix['error']),
    // The plain message names fields and codes, the user message is for the page: both are kept.
    message: joinMessages(
      text(inner['message']) ?? text(bitrix['error_description']) ?? text(outer['message']),
      text(inner['userMessage']),
    ),
    hint: text(inner['hint']),
    retryAfter: inner['retryAfter'] ?? outer['retryAfter'],
  }
}

/** Reads a failed answer by the table: what it means, what it closes, how long to wait, and what to tell a person. */
export function readFailure(answer: FailedAnswer): Failure {
  const envelope = readEnvelope(answer.body)
  const row = findErrorRow(answer.status, envelope.code)
  const named = longestWaitMs(answer.headers, envelope.retryAfter, (answer.now ?? Date.now)())
  // A 503 that says when to come back is a wait, not a failed attempt.
  const outcome = row.class === 'service_unavailable' && named !== undefined ? 'later' : row.outcome
  const requestId = headerValues(answer.headers, 'x-request-id')[0]
  const code = envelope.code === undefined ? undefined : clean(envelope.code, answer.secrets).slice(0, 80)
  const said = [String(answer.status), code].filter((part) => part !== undefined && part !== '').join(' ')
  const { title, mend } = describeClass(row.class)
  const quoted = envelope.message === undefined ? '' : `: ${clean(envelope.message, answer.secrets)}`
  const upstreamHint = envelope.hint === undefined ? '' : ` VibeCode says: ${clean(envelope.hint, answer.secrets)}`
  return {
    class: row.class,
    outcome,
    scope: row.scope,
    needsPerson: row.needsPerson ?? false,
    doubt: row.doubt ?? false,
    message: `${title} (${said}) on ${answer.route}${quoted}`,
    hint: `${mend}${upstreamHint}`,
    httpStatus: answer.status,
    ...(outcome === 'later' ? { waitMs: waitOf(named, row.waitMs, answer.random ?? Math.random) } : {}),
    ...(row.fix === undefined ? {} : { fix: true }),
    ...(row.maxAttempts === undefined ? {} : { maxAttempts: row.maxAttempts }),
    ...(code === undefined ? {} : { code }),
    ...(requestId === undefined ? {} : { requestId: clean(requestId, answer.secrets).slice(0, 128) }),
  }
}

function waitOf(named: number | undefined, usual: number | undefined, random: () => number): number {
  if (named !== undefined) return Math.max(named, shortestWaitMs)
  // Nothing readable: spread the keys' return, so that they do not all come back in one tick.
  return Math.ceil(usual ?? shortestWaitMs * (1 + random()))
}

/**
 * A request that got no answer. In doubt when bytes had left: the upstream may have applied it.
 * Refused connections, DNS and TLS failures happen before, and leave no doubt.
 */
export function readNetworkFailure(
  error: unknown,
  facts: { bytesSent: boolean; route?: string; secrets?: readonly string[]; requestId?: string },
): Failure {
  const name = networkErrorName(error)
  const failureClass = /TIMEOUT|TIMEDOUT|TimeoutError/.test(name)
    ? 'timeout'
    : name === 'AbortError'
      ? 'aborted'
      : 'network'
  const { title, mend } = describeClass(failureClass)
  return {
    class: failureClass,
    outcome: 'retry',
    scope: 'none',
    needsPerson: false,
    doubt: facts.bytesSent,
    message: `${title} (${clean(name, facts.secrets)})${facts.route === undefined ? '' : ` on ${facts.route}`}`,
    hint: mend,
    ...(facts.requestId === undefined ? {} : { requestId: facts.requestId }),
  }
}

/** A 2xx that cannot be read: believed by nobody, and in doubt for a write. */
export function badUpstream(facts: {
  route: string
  status: number
  what: string
  requestId?: string | undefined
}): Failure {
  const { title, mend } = describeClass('bad_upstream')
  return {
    class: 'bad_upstream',
    outcome: 'retry',
    scope: 'none',
    needsPerson: false,
    doubt: true,
    maxAttempts: 3,
    message: `${title} (${facts.status}, ${facts.what}) on ${facts.route}`,
    hint: mend,
    httpStatus: facts.status,
    ...(facts.requestId === undefined ? {} : { requestId: facts.requestId }),
  }
}

/** The error's code, its name, or its cause's: never its message, which may quote an address with a secret in it. */
function networkErrorName(error: unknown): string {
  for (let current = error, depth = 0; depth < 4; depth += 1) {
    const facts = record(current)
    const code = text(facts['code'])
    if (code !== undefined) return code
    const errors = facts['errors']
    const next = Array.isArray(errors) ? errors[0] : facts['cause']
    if (next === undefined || next === null) return text(facts['name']) ?? 'unknown error'
    current = next
  }
  return 'unknown error'
}

function clean(value: string, secrets: readonly string[] | undefined): string {
  const flat = scrubSecrets(value.slice(0, 4_000), secrets)
    .replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069\s]+/gu, ' ')
    .trim()
  return flat.length > maxMessageLength ? `${flat.slice(0, maxMessageLength)}…` : flat
}

function joinMessages(message: string | undefined, userMessage: string | undefined): string | undefined {
  if (message === undefined || userMessage === undefined || message === userMessage) return message ?? userMessage
  return `${message} (${userMessage})`
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
