import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import type { App } from '../context.ts'
import { findSession, type Session } from '../db/sessions.ts'
import { findToken } from '../db/tokens.ts'
import type { Caller } from '../ops/operation.ts'
import { digestToken } from '../seal.ts'
import type { BadTokens } from './bad-tokens.ts'
import { loginByProxy } from './login-by-proxy.ts'
import { isLoopback } from './loopback.ts'
import { Problem } from './problem.ts'
import { refuseCrossSite } from './same-site.ts'
import { readSessionCookie } from './session-cookie.ts'

/** Who looks at a page: a user with a session, or (session null) one whom a proxy names, or a program by HTTP Basic. */
export interface Visitor extends Caller {
  readonly session: Session | null
}

export interface Auth {
  /** Who asks by `Authorization: Bearer`, or by a session of the pages. Throws `Problem` 401, 403 or 429. */
  api(request: FastifyRequest): Promise<Caller>
  /** Who asks by HTTP Basic, the token as password, any user name. */
  basic(request: FastifyRequest): Promise<Caller>
  /** Who looks at the pages; null where a person has to log in first. Throws `Problem` 401, 403 or 429. */
  page(request: FastifyRequest): Promise<Visitor | null>
}

const same = (one: string, other: string) =>
  timingSafeEqual(createHash('sha256').update(one).digest(), createHash('sha256').update(other).digest())

export function createAuth(app: App, options: { badTokens: BadTokens; localToken: string | undefined }): Auth {
  const { badTokens, localToken } = options

  const check = async (request: FastifyRequest, token: string | undefined, challenge: string): Promise<Caller> => {
    if (token !== undefined) {
      if (localToken !== undefined && isLoopback(request.ip) && same(token, localToken))
        return { actor: 'local', role: 'admin' }
      const known = await findToken(app.db, digestToken(token))
      if (known !== null) return { actor: `token ${known.name}`, role: known.role }
      badTokens.note(request.ip)
    }
    const seconds = badTokens.waitSeconds(request.ip)
    if (seconds > 0) {
      throw new Problem(
        429,
        'too_many_bad_tokens',
        'Too many wrong tokens came from this address.',
        'Wait, then send the right token.',
        {
          'retry-after': String(seconds),
        },
      )
    }
    throw new Problem(
      401,
      'token_needed',
      'An API token in force is needed.',
      'Make one with `callsift token create`.',
      { 'www-authenticate': challenge },
    )
  }

  const sessionOf = async (request: FastifyRequest): Promise<Visitor | null> => {
    const secret = readSessionCookie(request)
    const session = secret === undefined ? null : await findSession(app.db, secret)
    if (session === null) return null
    refuseCrossSite(request)
    return { actor: session.name, role: session.role, session }
  }

  const byProxy = loginByProxy(app)
  const personOf = async (request: FastifyRequest): Promise<Visitor | null> =>
    (await byProxy(request)) ?? (await sessionOf(request))

  const basic = async (request: FastifyRequest): Promise<Caller> => {
    const found = /^Basic ([A-Za-z0-9+/]{1,1000}=*)$/i.exec(request.headers.authorization ?? '')
    const pair = Buffer.from(found?.[1] ?? '', 'base64').toString('utf8')
    const password = pair.includes(':') ? pair.slice(pair.indexOf(':') + 1) : undefined
    const caller = await check(request, password, 'Basic realm="callsift", charset="UTF-8"')
    // A browser sends Basic credentials along like a cookie.
    refuseCrossSite(request)
    return caller
  }

  return {
    api: async (request) => {
      const { authorization } = request.headers
      const visitor = authorization === undefined ? await personOf(request) : null
      if (visitor !== null) return visitor
      const found = /^Bearer ([\w.~+/-]{1,512}=*)$/i.exec(authorization ?? '')
      return await check(request, found?.[1], 'Bearer realm="callsift"')
    },
    basic,
    page: async (request) => {
      if (request.headers.authorization !== undefined) return { ...(await basic(request)), session: null }
      return await personOf(request)
    },
  }
}
