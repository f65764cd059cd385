import { checkRedisPolicy } from './queues.ts'

/** A change of these settings is a person's doing, so a look now and then is enough. */
const lookEveryMs = 10_000

/**
 * Is this Redis still set up for a queue? It was at start, but `CONFIG SET` needs no restart, and an eviction policy drops jobs without a
 * word. Answers at once by the last look, and looks again when that is ten seconds old; a Redis that does not answer is not called unsafe
 * (its ping says that).
 */
export function watchRedisPolicy(redisUrl: string, now: () => number = Date.now): () => boolean {
  let safe = true
  let lookedAt = now()
  return () => {
    if (now() - lookedAt >= lookEveryMs) {
      lookedAt = now()
      checkRedisPolicy(redisUrl).then(
        (findings) => {
          safe = findings.length === 0
        },
        () => undefined,
      )
    }
    return safe
  }
}
