/** Sources that are left alone for a while: a provider said so, or failed three times in a row. */
export interface Cooling {
  /** How long still, in ms; 0 = it may be asked. */
  waitMs(source: string): number
  failed(source: string, retryAfterMs: number | undefined): void
  answered(source: string): void
}

const failuresInARow = 3
const restMs = 10_000
/** A provider's own word is kept, up to so long: a wrong clock must not shut it out for a day. */
const longestMs = 15 * 60_000

export function createCooling(now: () => number): Cooling {
  const states = new Map<string, { failures: number; untilMs: number }>()
  return {
    waitMs: (source) => Math.max(0, (states.get(source)?.untilMs ?? 0) - now()),
    failed: (source, retryAfterMs) => {
      const state = states.get(source) ?? { failures: 0, untilMs: 0 }
      states.set(source, state)
      state.failures += 1
      if (retryAfterMs !== undefined) state.untilMs = now() + Math.min(retryAfterMs, longestMs)
      else if (state.failures >= failuresInARow) state.untilMs = now() + restMs
    },
    answered: (source) => void states.delete(source),
  }
}
