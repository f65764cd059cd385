import type { Bed } from './bed.ts'
import { readEffects } from './truth.ts'
import { until } from './until.ts'

/** From `healedAt` (ms since 1970) until the upstream got the next entry, ms. Calls must go on coming in, or be waiting. */
export async function untilNextEntry(bed: Bed, healedAt: number, withinMs = 120_000): Promise<number | null> {
  try {
    const next = await until(
      async () => (await readEffects(bed, 'timeline-log')).find((entry) => entry.at >= healedAt),
      'an entry after the heal',
      withinMs,
      100,
    )
    return next.at - healedAt
  } catch {
    return null
  }
}
