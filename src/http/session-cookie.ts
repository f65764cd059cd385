import type { FastifyRequest } from 'fastify'

/** `__Host-`: browsers take it only with Secure, for this host alone and the whole of it; no neighbour can set or read it. */
const name = '__Host-callsift'
const attributes = 'Path=/; Secure; HttpOnly; SameSite=Lax'
const maxAgeSeconds = 7 * 24 * 3_600

export function sessionCookie(secret: string): string {
  return `${name}=${secret}; ${attributes}; Max-Age=${maxAgeSeconds}`
}

export const noSessionCookie = `${name}=; ${attributes}; Max-Age=0`

export function readCookie(request: FastifyRequest, wanted: string): string | undefined {
  for (const pair of (request.headers.cookie ?? '').split(';')) {
    const [key = '', value = ''] = pair.trim().split('=')
    if (key === wanted && /^[\w-]{1,100}$/.test(value)) return value
  }
  return undefined
}

export function readSessionCookie(request: FastifyRequest): string | undefined {
  return readCookie(request, name)
}
