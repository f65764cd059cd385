import { pipeline } from 'node:stream/promises'
import type { Exchange, Kit } from './exchange.ts'
import { RouterError } from './router-error.ts'

/** What a key must hold to reach the portal through the router: AI alone does not open the CRM. */
export const portalScope = 'vibe:portal'

const requestHeaders = ['content-type', 'content-length', 'accept']
const answerHeaders = [
  'content-type',
  'content-length',
  'content-disposition',
  'location',
  'retry-after',
  'x-request-id',
  'x-ratelimit-limit',
  'x-ratelimit-remaining',
  'x-ratelimit-reset',
]

/**
 * Passes a request that is none of the router's on to the upstream that stands behind it, with the operator's key, and its answer back as
 * it is: so that the pipeline, which knows one address, has its AI here and its CRM there. Sent once: a write has no idempotency key.
 */
export async function forward(kit: Kit, exchange: Exchange, path: string): Promise<void> {
  const { request, response, signal } = exchange
  const upstream = kit.settings.upstreams[kit.settings.behind ?? '']
  if (upstream === undefined) throw new RouterError('not_found', 'There is nothing at this address.')
  const headers: Record<string, string> = {}
  for (const name of requestHeaders) {
    const value = request.headers[name]
    if (typeof value === 'string') headers[name] = value
  }
  if (upstream.apiKey !== undefined) headers['x-api-key'] = upstream.apiKey
  const place = kit.asking.upstreams.at(upstream.baseUrl, false)
  const hasBody = request.method !== 'GET' && request.method !== 'HEAD'
  const answer = await place.dispatcher
    .request({
      method: request.method ?? 'GET',
      path: `${place.path}${path.slice('/v1'.length)}`,
      headers,
      body: hasBody ? request : null,
      signal,
      headersTimeout: kit.windows.chatMs,
      bodyTimeout: kit.windows.idleMs,
    })
    .catch((cause: unknown) => {
      if (signal.aborted) throw signal.reason
      throw new RouterError('ai_provider_unavailable', 'What stands behind the router could not be reached.', { cause })
    })
  const kept = answerHeaders.flatMap((name) => {
    const value = answer.headers[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  response.writeHead(answer.statusCode, Object.fromEntries(kept))
  await pipeline(answer.body, response).catch(() => response.destroy())
}
