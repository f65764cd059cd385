import type { Effect, RequestRecord } from '../../../src/sandbox/truth.ts'
import type { Bed } from './bed.ts'

export type { Effect, RequestRecord }

/** What the upstream really did: the far side's own list, in order. */
export function readEffects(bed: Bed, kind: string): Promise<Effect[]> {
  return bed.control<Effect[]>('GET', `/effects?after=0&kind=${kind}`)
}

export function readRequests(bed: Bed): Promise<RequestRecord[]> {
  return bed.control<RequestRecord[]>('GET', '/requests?after=0')
}

/** Timeline entries by portal and deal. */
export async function countEntries(bed: Bed): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  for (const entry of await readEffects(bed, 'timeline-log')) {
    const place = `${entry.portal} ${entry.detail['entityId']}`
    counts.set(place, (counts.get(place) ?? 0) + 1)
  }
  return counts
}
