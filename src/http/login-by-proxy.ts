import type { FastifyRequest } from 'fastify'
import type { App } from '../context.ts'
import { findUser } from '../db/users.ts'
import { networkTest } from '../networks.ts'
import type { Visitor } from './auth.ts'
import { Problem } from './problem.ts'
import { refuseCrossSite } from './same-site.ts'

/**
 * Whom a proxy of ours says it has logged in (oauth2-proxy, Authelia and the like). Believed only of the addresses that are named as
 * proxies: of anybody else the header is nothing. Null where none is named.
 */
export function loginByProxy(app: App): (request: FastifyRequest) => Promise<Visitor | null> {
  const { loginHeader, trustProxy } = app.config
  if (loginHeader === undefined) return async () => null
  const isProxy = networkTest(trustProxy)
  return async (request) => {
    // The peer itself, not whom it speaks for.
    if (!isProxy(request.raw.socket.remoteAddress)) return null
    const given = request.headers[loginHeader]
    if (given === undefined) return null
    const name = typeof given === 'string' ? given.trim() : ''
    const user = name === '' || name.length > 100 ? null : await findUser(app.db, name)
    if (user === null) {
      throw new Problem(
        403,
        'not_a_user',
        `The proxy names ${name === '' ? 'nobody' : `"${name.slice(0, 100)}"`}, who is no user here or is disabled.`,
        'An administrator adds people: callsift user add NAME',
      )
    }
    refuseCrossSite(request)
    return { actor: user.name, role: user.role, session: null }
  }
}
