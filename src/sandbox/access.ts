import type { IncomingMessage } from 'node:http'
import type { ApiKey } from './portal.ts'
import { aiFail, fail, type Reply } from './reply.ts'
import type { Route, World } from './world.ts'

/** The key a request carries: X-Api-Key, or Authorization: Bearer. */
export function presentedKey(request: IncomingMessage): string | undefined {
  const header = request.headers['x-api-key']
  if (typeof header === 'string' && header !== '') return header
  const bearer = /^Bearer\s+(\S+)$/i.exec(request.headers.authorization ?? '')
  return bearer?.[1]
}

/** Errors of the layer that all routes share; on AI routes their envelope is a matter of a switch. */
export function sharedFail(
  route: Route | undefined,
  key: ApiKey | undefined,
  status: number,
  code: string,
  message: string,
  retryAfter?: number,
): Reply {
  const extra = retryAfter === undefined ? {} : { retryAfter }
  const v1 = fail(status, code, message, extra)
  if (!route?.openai || key?.portal.switches.sharedErrors !== 'openai') return v1
  const openai = aiFail(status, code.toLowerCase(), message)
  return v1.headers ? { ...openai, headers: v1.headers } : openai
}

/** Answers the refusal when this key may not use this route. */
export function refuseKey(world: World, route: Route | undefined, value: string | undefined): Reply | undefined {
  if (value === undefined)
    return sharedFail(
      route,
      undefined,
      401,
      'MISSING_API_KEY',
      'No X-Api-Key or Authorization: Bearer header was provided',
    )
  const key = world.keys.get(value)
  if (!key) return sharedFail(route, undefined, 401, 'INVALID_API_KEY', 'The key does not exist or has been revoked')
  if (key.state === 'revoked') {
    return sharedFail(route, key, 401, key.portal.switches.revokedCode, 'The key does not exist or has been revoked')
  }
  if (key.state === 'inactive') return sharedFail(route, key, 401, 'KEY_INACTIVE', 'The key is not active')
  if (key.state === 'expired') return sharedFail(route, key, 401, 'KEY_EXPIRED', 'The key has expired')
  return undefined
}

export function refuseScope(route: Route, key: ApiKey): Reply | undefined {
  if (route.scope !== undefined) {
    const scope = route.scope === 'call' ? key.portal.switches.callScope : route.scope
    if (!key.scopes.has(scope)) {
      if (scope === 'vibe:ai') {
        const message = 'The API key is missing the vibe:ai scope'
        return route.openai ? aiFail(403, 'scope_missing', message) : fail(403, 'scope_missing', message)
      }
      return fail(403, 'SCOPE_DENIED', `The API key is missing the ${scope} scope`, {
        hint: `Add the scope "${scope}" to the key`,
      })
    }
  }
  const reads = route.method === 'GET' || route.name.endsWith('.search') || route.family !== 'portal'
  if (key.readOnly && !reads) {
    return fail(403, 'WRITE_BLOCKED_READONLY_KEY', 'The key is read-only')
  }
  return undefined
}

/** Error codes in the letter case the switch asks for. */
export function recaseCodes(reply: Reply, codeCase: 'documented' | 'upper' | 'lower'): Reply {
  if (codeCase === 'documented' || reply.status < 400) return reply
  const body = reply.json
  if (typeof body !== 'object' || body === null || !('error' in body)) return reply
  const error: unknown = body.error
  if (typeof error !== 'object' || error === null || !('code' in error) || typeof error.code !== 'string') return reply
  const code = codeCase === 'upper' ? error.code.toUpperCase() : error.code.toLowerCase()
  return { ...reply, json: { ...body, error: { ...error, code } } }
}
