import { Client, type Dispatcher } from 'undici'
import { isStepFailure, Later, Permanent, Retry } from '../errors.ts'
import type { ByteRange, RangedAnswer } from '../wire/byte-range.ts'
import { type CheckedUrl, checkUrl, guardedConnector, type Network, systemNetwork } from './guarded-connect.ts'
import { type Saved, type SaveLimits, saveWatched, TransferWatch, tooLarge } from './save-stream.ts'

export interface LinkRequest extends SaveLimits {
  readonly url: string
  /** `host:port` (IPv6 in brackets) that may lie in a private network, each named exactly. */
  readonly allowedHosts: readonly string[]
  readonly userAgent: string
  readonly network?: Network
}

export interface FetchRequest extends LinkRequest {
  /** File to write; overwritten. */
  readonly target: string
}

export interface Fetched extends Saved {
  readonly contentType: string | null
  /** Where the bytes came from at last, without the query: signed links are secrets. */
  readonly finalUrl: string
}

const MAX_REDIRECTS = 3
const NOT_READY_DELAY_MS = 60_000

/**
 * Downloads a recording from an address that a stranger may have chosen: the guard of `guarded-connect.ts` on every
 * hop, no proxies, no cookies, no decompression, limits on bytes, time and throughput.
 * Throws `Permanent` blocked_url, blocked_address, too_large, not_audio, recording_refused, recording_tls_invalid;
 * `Later` recording_not_ready; `Retry` link_expired, recording_truncated, recording_too_slow, recording_timeout,
 * recording_host_error, recording_host_unreachable.
 */
export async function fetchToFile(request: FetchRequest): Promise<Fetched> {
  return await fetchGuarded(request, {}, async (response, hop, watch) => {
    if (response.statusCode !== 200) throw statusFailure(response.statusCode, hop.host)
    return await saveBody(response, hop, request, watch)
  })
}

type Take<Value> = (response: Dispatcher.ResponseData, hop: CheckedUrl, watch: TransferWatch) => Promise<Value>

/** Some of the bytes of a recording, under the same guard. `take` gets the answer whatever its status; it is read before the socket closes. */
export async function fetchPart<Value>(
  request: LinkRequest,
  range: ByteRange,
  take: (answer: RangedAnswer) => Promise<Value>,
): Promise<Value> {
  return await fetchGuarded(request, { range: `bytes=${range.from}-${range.to}` }, async (response, hop, watch) => {
    const { statusCode: status, body } = response
    if (status !== 200 && status !== 206 && status !== 416) throw statusFailure(status, hop.host)
    const stop = (): void => void body.destroy(new Error('stopped'))
    watch.signal.addEventListener('abort', stop, { once: true })
    return await take({ status, contentRange: readHeader(response, 'content-range'), body })
  })
}

async function fetchGuarded<Value>(
  request: LinkRequest,
  headers: Record<string, string>,
  take: Take<Value>,
): Promise<Value> {
  const watch = new TransferWatch(request)
  try {
    let hop = checkUrl(request.url, request.allowedHosts)
    for (let redirects = 0; ; redirects++) {
      const outcome = await fetchHop(hop, request, headers, watch, take)
      if (!('location' in outcome)) return outcome.value
      if (redirects === MAX_REDIRECTS) throw blockedRedirect(`more than ${MAX_REDIRECTS} redirects`)
      hop = checkRedirect(hop, outcome.location, request.allowedHosts)
    }
  } finally {
    watch.end()
  }
}

function checkRedirect(from: CheckedUrl, location: string, allowedHosts: readonly string[]): CheckedUrl {
  if (!URL.canParse(location, from.url.href)) throw blockedRedirect('a redirect to what is no URL')
  const to = checkUrl(new URL(location, from.url), allowedHosts)
  if (from.url.protocol === 'https:' && to.url.protocol === 'http:')
    throw blockedRedirect('a redirect from https to http')
  // The list opens a private host to the operator's own links, not to any public page that redirects there.
  if (to.allowListed && !from.allowListed) throw blockedRedirect('a redirect from a public host into a private network')
  return to
}

function blockedRedirect(why: string): Permanent {
  return new Permanent('blocked_url', {
    message: `The recording's link was not followed: ${why}.`,
    hint: 'Open the link in a browser and give the address it leads to.',
  })
}

async function fetchHop<Value>(
  hop: CheckedUrl,
  request: LinkRequest,
  headers: Record<string, string>,
  watch: TransferWatch,
  take: Take<Value>,
): Promise<{ value: Value } | { location: string }> {
  const client = new Client(hop.url.origin, { connect: guardedConnector(hop, request.network ?? systemNetwork) })
  try {
    const response = await client.request({
      path: hop.url.pathname + hop.url.search,
      method: 'GET',
      headers: { 'user-agent': request.userAgent, accept: '*/*', 'accept-encoding': 'identity', ...headers },
      signal: watch.signal,
      headersTimeout: request.totalMs,
      bodyTimeout: request.totalMs,
    })
    const location = readHeader(response, 'location')
    if (response.statusCode >= 301 && response.statusCode <= 308 && location !== null) return { location }
    return { value: await take(response, hop, watch) }
  } catch (error) {
    throw explain(error, hop.host, watch)
  } finally {
    // Whatever is left of a refused answer must not keep the socket open.
    await client.destroy().catch(() => {})
  }
}

async function saveBody(
  response: Dispatcher.ResponseData,
  hop: CheckedUrl,
  request: FetchRequest,
  watch: TransferWatch,
): Promise<Fetched> {
  const encoding = readHeader(response, 'content-encoding')
  if (encoding !== null && encoding.toLowerCase() !== 'identity') {
    throw new Permanent('not_audio', {
      message: `The recording's host ${hop.host} answered with ${encoding.slice(0, 40)}-compressed data, which no recording is.`,
      hint: 'The link may lead to a web page; open it in the portal.',
    })
  }
  const claimed = Number(readHeader(response, 'content-length') ?? Number.NaN)
  if (claimed > request.maxBytes) throw tooLarge(request.maxBytes)
  const saved = await saveWatched(response.body, request.target, request.maxBytes, watch)
  return { ...saved, contentType: readHeader(response, 'content-type'), finalUrl: hop.url.origin + hop.url.pathname }
}

function readHeader(response: Dispatcher.ResponseData, name: string): string | null {
  const value = response.headers[name]
  return (Array.isArray(value) ? value[0] : value) ?? null
}

function statusFailure(status: number, host: string): Error {
  const facts = { httpStatus: status, message: `The recording's host ${host} answered ${status}.` }
  if (status === 404 || status === 410 || status === 202 || status === 204) {
    return new Later(NOT_READY_DELAY_MS, 'recording_not_ready', {
      ...facts,
      hint: 'The recording may still be on its way from the telephony; it is looked for again by itself.',
    })
  }
  if (status === 401 || status === 403) {
    return new Retry('link_expired', {
      ...facts,
      maxAttempts: 2,
      hint: 'The link to the recording has expired or needs rights; a new one is asked for.',
    })
  }
  if (status === 408 || status === 429 || status >= 500) {
    return new Retry('recording_host_error', {
      ...facts,
      hint: 'The host of the recording has trouble; it is tried again by itself.',
    })
  }
  return new Permanent('recording_refused', {
    ...facts,
    hint: 'Open the recording in the portal and check that it plays.',
  })
}

/** A class for what a socket, a name server or a certificate says; our own failures pass as they are. */
function explain(error: unknown, host: string, watch: TransferWatch): unknown {
  if (watch.signal.aborted) return watch.signal.reason
  if (isStepFailure(error)) return error
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const name = error instanceof Error ? error.name : ''
  if (/CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS|ERR_SSL|HOSTNAME_MISMATCH/.test(code)) {
    return new Permanent('recording_tls_invalid', {
      message: `The certificate of the recording's host ${host} is not valid (${code}).`,
      hint: 'Renew the certificate, or add its authority to NODE_EXTRA_CA_CERTS.',
      policy: 'fix',
      cause: error,
    })
  }
  if (!/^(E[A-Z_]+|UND_ERR|HPE_)/.test(code) && !/^(HTTPParserError|SocketError)$/.test(name)) return error
  return new Retry('recording_host_unreachable', {
    message: `The recording's host ${host} could not be reached (${code || name}).`,
    hint: 'Check that the host is up and that this machine may reach it; it is tried again by itself.',
    cause: error,
  })
}
