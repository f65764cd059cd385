import { createHash } from 'node:crypto'
import type { App } from '../context.ts'
import { claimKey, forgetKey, storeAnswer } from '../db/idempotency.ts'
import { Problem } from './problem.ts'

/**
 * Does something once for a key, however often it is asked for: later ones get the first one's answer. Keys are an actor's own, and are
 * kept for a day. What failed is not kept, and may be tried again.
 */
export async function idempotent(
  app: App,
  request: { actor: string; action: string; key: string | undefined; body: unknown },
  act: () => Promise<unknown>,
): Promise<unknown> {
  if (request.key === undefined) return await act()
  const key = {
    actor: request.actor,
    action: request.action,
    key: request.key,
    digest: createHash('sha256')
      .update(JSON.stringify(request.body ?? null))
      .digest('hex'),
  }
  const claimed = await claimKey(app.db, key)
  if (!claimed.mine) {
    if (!claimed.same) {
      throw new Problem(
        422,
        'idempotency_key_reused',
        'This Idempotency-Key came before with another request.',
        'Use a new key for a new request.',
      )
    }
    if (claimed.answer === null) {
      throw new Problem(409, 'under_way', 'The same request is under way.', 'Ask again in a second.', {
        'retry-after': '1',
      })
    }
    return claimed.answer
  }
  try {
    const answer = await act()
    await storeAnswer(app.db, key, answer)
    return answer
  } catch (error) {
    await forgetKey(app.db, key).catch(() => undefined)
    throw error
  }
}

export function readIdempotencyKey(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined
  if (typeof header === 'string' && /^[\x21-\x7e]{1,255}$/.test(header)) return header
  throw new Problem(400, 'invalid_input', 'The Idempotency-Key must be 1 to 255 printable characters.', 'Use a UUID.')
}
