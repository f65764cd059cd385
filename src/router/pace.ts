import type { RouterKey } from '../db/router-keys.ts'
import { RouterError } from './router-error.ts'

/** Requests a second of a key that has no limit of its own. */
const usualPerSecond = 50

/** A bucket for each key: a second's worth may come at once. */
export interface Pace {
  /** The headers of an admitted request. Throws `RouterError` RATE_LIMIT_EXCEEDED. */
  admit(key: RouterKey): Record<string, string>
}

export function createPace(now: () => number): Pace {
  const buckets = new Map<string, { left: number; atMs: number }>()
  return {
    admit: (key) => {
      const limit = key.perSecond ?? usualPerSecond
      const atMs = now()
      const bucket = buckets.get(key.id) ?? { left: limit, atMs }
      buckets.set(key.id, bucket)
      bucket.left = Math.min(limit, bucket.left + ((atMs - bucket.atMs) / 1000) * limit)
      bucket.atMs = atMs
      const admitted = bucket.left >= 1
      if (admitted) bucket.left -= 1
      const headers = {
        'x-ratelimit-limit': String(limit),
        'x-ratelimit-remaining': String(Math.max(0, Math.floor(bucket.left))),
        'x-ratelimit-reset': '1',
      }
      if (admitted) return headers
      throw new RouterError('RATE_LIMIT_EXCEEDED', `The key may send ${limit} requests a second.`, {
        headers: { ...headers, 'retry-after': '1' },
      })
    },
  }
}
