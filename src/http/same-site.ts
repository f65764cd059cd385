import type { FastifyRequest } from 'fastify'
import { Problem } from './problem.ts'

const safe = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Refuses what a page of another site makes a browser send: cookies and Basic credentials go along with it. Browsers say in
 * `Sec-Fetch-Site` where a request comes from; those that do not yet, name its `Origin`. What says neither is refused too.
 */
export function refuseCrossSite(request: FastifyRequest): void {
  if (safe.has(request.method)) return
  const site = request.headers['sec-fetch-site']
  if (site === 'same-origin') return
  if (site === undefined && isOwnOrigin(request)) return
  throw new Problem(
    403,
    'cross_site',
    'The request did not come from a page of this server.',
    'Open the page here and press the button there. Programs send an API token by Bearer instead.',
  )
}

function isOwnOrigin(request: FastifyRequest): boolean {
  const { origin } = request.headers
  if (origin === undefined || !URL.canParse(origin)) return false
  const { host, protocol } = new URL(origin)
  return host === request.host && protocol === `${request.protocol}:`
}
