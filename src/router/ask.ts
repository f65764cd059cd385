import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { Permanent } from '../errors.ts'
import { longestWaitMs } from '../wire/waits.ts'
import type { Cooling } from './cooling.ts'
import { RouterError } from './router-error.ts'
import type { Target } from './target.ts'
import type { Upstreams } from './upstreams.ts'

export interface Asking {
  readonly upstreams: Upstreams
  readonly cooling: Cooling
  readonly now: () => number
  /** The provider has refused the credential's key. */
  readonly onRefused: (target: Target) => void
}

export interface Question {
  readonly path: string
  /** Written anew for each target and each try. */
  body(target: Target): { readonly headers: Record<string, string>; readonly body: string | Readable }
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal
  readonly headersTimeoutMs: number
  /** Between two pieces of the answer. */
  readonly idleTimeoutMs: number
}

export interface Answer {
  readonly target: Target
  readonly response: Dispatcher.ResponseData
}

/** A connection that was closed while it rested: the request never arrived. */
const closedAtRest = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'])
const longestRetryAfterS = 3_600

/**
 * Asks the targets in turn until one says 2xx; nothing of an answer has gone out by then, so going on is safe. Throws `RouterError`
 * ai_provider_unavailable or ai_provider_timeout; the signal's reason when the client is gone.
 */
export async function ask(asking: Asking, targets: readonly Target[], question: Question): Promise<Answer> {
  let failure: RouterError | null = null
  for (const target of targets) {
    const restMs = asking.cooling.waitMs(target.source)
    if (restMs > 0) {
      failure ??= unavailable('The provider has asked to be left alone for a while.', restMs)
      continue
    }
    const outcome = await tryTarget(asking, target, question)
    if (!('error' in outcome)) return { target, response: outcome }
    failure = outcome.error
    if (!outcome.goOn) break
  }
  throw failure ?? unavailable('No provider could be asked.')
}

type Failed = { readonly error: RouterError; readonly goOn: boolean }

async function tryTarget(
  asking: Asking,
  target: Target,
  question: Question,
): Promise<Dispatcher.ResponseData | Failed> {
  const { signal } = question
  for (let tries = 1; ; tries += 1) {
    let response: Dispatcher.ResponseData
    try {
      const { headers, body } = question.body(target)
      const { dispatcher, path } = asking.upstreams.at(target.baseUrl, target.guarded)
      response = await dispatcher.request({
        method: 'POST',
        path: `${path}${question.path}`,
        headers: { ...target.headers(), ...headers },
        body,
        signal,
        headersTimeout: question.headersTimeoutMs,
        bodyTimeout: question.idleTimeoutMs,
      })
    } catch (error) {
      if (signal.aborted) throw signal.reason
      if (error instanceof RouterError) return { error, goOn: true }
      const code = error instanceof Error && 'code' in error ? String(error.code) : ''
      if (code === 'UND_ERR_HEADERS_TIMEOUT') return { error: timeout(), goOn: false }
      if (tries === 1 && closedAtRest.has(code)) continue
      if (!(error instanceof Permanent)) asking.cooling.failed(target.source, undefined)
      // Refused, closed and blocked read alike: an answer that differs would tell what stands in our network.
      return { error: unavailable('The provider could not be reached.'), goOn: true }
    }
    if (response.statusCode >= 200 && response.statusCode < 300) {
      asking.cooling.answered(target.source)
      return response
    }
    return await refused(asking, target, response)
  }
}

async function refused(asking: Asking, target: Target, response: Dispatcher.ResponseData): Promise<Failed> {
  const { statusCode, headers } = response
  await response.body.dump({ limit: 65_536 }).catch(() => undefined)
  const waitMs = longestWaitMs(headers, undefined, asking.now())
  const message = `The provider answered ${statusCode}.`
  if (statusCode === 401 || statusCode === 403) {
    asking.onRefused(target)
    return { error: hopeless(message), goOn: true }
  }
  if (statusCode === 408 || statusCode === 429 || statusCode >= 500) {
    const restMs = statusCode === 429 ? (waitMs ?? 5_000) : waitMs
    asking.cooling.failed(target.source, restMs)
    return { error: unavailable(message, restMs), goOn: true }
  }
  asking.cooling.answered(target.source)
  // A model that the provider has taken away is a reason to ask the next; a request that it finds wrong is wrong for all.
  return { error: hopeless(message), goOn: statusCode === 404 }
}

function unavailable(message: string, retryAfterMs?: number): RouterError {
  const seconds = retryAfterMs === undefined ? undefined : Math.min(longestRetryAfterS, Math.ceil(retryAfterMs / 1000))
  return new RouterError('ai_provider_unavailable', message, {
    headers: seconds === undefined ? {} : { 'retry-after': String(Math.max(1, seconds)) },
  })
}

/** Clients repeat a 502 by themselves; this one comes out the same. */
function hopeless(message: string): RouterError {
  return new RouterError('ai_provider_unavailable', message, { headers: { 'x-should-retry': 'false' } })
}

function timeout(): RouterError {
  return new RouterError('ai_provider_timeout', 'The provider did not answer within its time.', {
    headers: { 'x-should-retry': 'false' },
  })
}
