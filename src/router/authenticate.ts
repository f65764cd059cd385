import { hash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { Database } from '../db/connect.ts'
import { findRouterKey, type RouterKey } from '../db/router-keys.ts'
import { createMemory } from './memory.ts'
import { RouterError } from './router-error.ts'

export interface Keys {
  /** Whose request it is. Throws `RouterError` MISSING_API_KEY, INVALID_API_KEY or scope_missing. */
  authenticate(headers: IncomingHttpHeaders, scope: string): Promise<RouterKey>
}

/** So long a key is believed without being looked up: what a revocation may be late by. */
const trustMs = 1_000
const mostRemembered = 10_000

function readKey(headers: IncomingHttpHeaders): string {
  const named = headers['x-api-key']
  const given = typeof named === 'string' && named.trim() !== '' ? named.trim() : undefined
  const bearer = /^Bearer\s+(\S+)\s*$/i.exec(headers.authorization ?? '')?.[1]
  const key = given ?? bearer
  if (key === undefined) {
    throw new RouterError('MISSING_API_KEY', 'Send the key in X-Api-Key, or in Authorization as Bearer.')
  }
  // Two different keys: whichever were chosen, the other half of some proxy would have chosen differently.
  if (given !== undefined && bearer !== undefined && given !== bearer) throw invalid()
  return key
}

const invalid = () => new RouterError('INVALID_API_KEY', 'The API key does not exist or is no longer in force.')

const shape = /^vibe_(api|app)_[A-Za-z0-9_-]{20,100}$/

/** Looks keys up by their digest, at most once a second each; in between by a hash that is cheaper, and no key either. */
export function createKeys(db: Database, digest: (key: string) => string, now: () => number): Keys {
  const memory = createMemory(async (text) => await findRouterKey(db, digest(text)), {
    trustMs,
    most: mostRemembered,
    now,
    nameOf: (text) => hash('sha256', text, 'base64'),
  })
  return {
    authenticate: async (headers, scope) => {
      const text = readKey(headers)
      const key = shape.test(text) ? await memory.read(text) : null
      if (key === null || key.revokedAt !== null) throw invalid()
      if (key.expiresAt !== null && key.expiresAt.getTime() <= now()) throw invalid()
      if (!key.scopes.includes(scope)) {
        throw new RouterError('scope_missing', `The API key is missing the scope ${scope}.`)
      }
      return key
    },
  }
}
