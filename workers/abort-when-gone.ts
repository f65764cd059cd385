import type { Database } from '../src/db/connect.ts'
import type { Claim } from '../src/engine/claim.ts'
import { stillHeld } from '../src/engine/still-held.ts'
import { Later } from '../src/errors.ts'

/**
 * Cuts an attempt whose step was taken away while it ran (erased, cancelled by a new generation's end): a transcription of minutes
 * must not go on over a call that nobody may keep.
 */
export function abortWhenGone(
  db: Database,
  claim: Claim,
  signal: AbortSignal,
  everyMs: number,
): { signal: AbortSignal; stop(): void } {
  const gone = new AbortController()
  let looking = false
  const timer = setInterval(() => {
    if (looking) return
    looking = true
    stillHeld(db, claim)
      .then((held) => {
        if (!held) gone.abort(new Later(1_000, 'lease_lost', { message: 'The step was taken away while it ran.' }))
      })
      // A record that is away says nothing about the step; the next look will.
      .catch(() => undefined)
      .finally(() => {
        looking = false
      })
  }, everyMs)
  return { signal: AbortSignal.any([signal, gone.signal]), stop: () => clearInterval(timer) }
}
