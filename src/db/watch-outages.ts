import type { Pool } from 'pg'

export interface Outages {
  /** The server has ended connections, and nothing was heard of it since. */
  lost(): boolean
  /** How long ago it was heard of again, ms; infinite where it was never lost. */
  backForMs(): number
  /** It has answered. */
  answered(): void
}

/** Hears from pools when their server ends connections and takes new ones. */
export function watchOutages(pools: readonly Pool[], now: () => number = () => performance.now()): Outages {
  let lost = false
  let backAt = Number.NEGATIVE_INFINITY
  const answered = () => {
    if (lost) backAt = now()
    lost = false
  }
  for (const pool of pools) {
    pool.on('connect', (client) => {
      answered()
      client.on('error', () => {
        lost = true
      })
    })
  }
  return { lost: () => lost, backForMs: () => now() - backAt, answered }
}
