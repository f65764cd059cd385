import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import type { App } from '../context.ts'
import { findToken } from '../db/tokens.ts'
import type { Caller } from '../ops/operation.ts'
import { digestToken } from '../seal.ts'
import type { BadTokens } from './bad-tokens.ts'
import { isLoopback } from './loopback.ts'
import { Problem } from './problem.ts'

export interface Auth {
  /** Who asks by `Authorization: Bearer`. Throws `Problem` 401 or 429. */
  api(request: FastifyRequest): Promise<Caller>
  /** Who asks by HTTP Basic, the token as password, any user name. */
  page(request: FastifyRequest): Promise<Caller>
}

const same = (one: string, other: string) =>
  timingSafeEqual(createHash('sha256').update(one).digest(), createHash('sha256').update(other).digest())

export function createAuth(app: App, options: { badTokens: BadTokens; localToken: string | undefined }): Auth {
  const { badTokens, localToken } = options

  const check = async (request: FastifyRequest, token: string | undefined, challenge: string): Promise<Caller> => {
    if (token !== undefined) {
      if (localToken !== undefined && isLoopback(request.ip) && same(token, localToken)) return { actor: 'local' }
      const known = await findToken(app.db, digestToken(token))
      if (known !== null) return { actor: `token ${known.name}` }
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

  return {
    api: async (request) => {
      const found = /^Bearer ([\w.~+/-]{1,512}=*)$/i.exec(request.headers.authorization ?? '')
      return await check(request, found?.[1], 'Bearer realm="callsift"')
    },
    page: async (request) => {
      const found = /^Basic ([A-Za-z0-9+/]{1,1000}=*)$/i.exec(request.headers.authorization ?? '')
      const pair = Buffer.from(found?.[1] ?? '', 'base64').toString('utf8')
      const password = pair.includes(':') ? pair.slice(pair.indexOf(':') + 1) : undefined
      return await check(request, password, 'Basic realm="callsift", charset="UTF-8"')
    },
  }
}
