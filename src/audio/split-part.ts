import type { PlannedPart, Span } from './shapes.ts'
import { clip, lengthOf, placeOf } from './spans.ts'

const OVERLAP_SECONDS = 10
/** The halves may differ by so much of the whole. */
const SEARCH_SHARE = 0.2

/**
 * Two parts in place of one that the upstream could not take whole: cut in the longest silence near the middle of what is heard; where
 * there is none, in the middle, and both halves hold ten seconds of it.
 */
export function splitPart(part: PlannedPart, speech: readonly (readonly Span[])[]): [PlannedPart, PlannedPart] {
  const from = part.spans[0]?.startSeconds ?? 0
  const to = part.spans.at(-1)?.endSeconds ?? 0
  const middle = placeOf(part.spans, lengthOf(part.spans) / 2)
  const rows = part.channel === null ? speech.flat() : (speech[part.channel] ?? [])
  const pause = longestSilence(rows, middle, (to - from) * SEARCH_SHARE)
  const [at, seam, overlapSeconds] =
    pause === null ? [middle, 'hard' as const, OVERLAP_SECONDS] : [pause, 'pause' as const, 0]
  const left = clip(part.spans, from, Math.min(to, at + overlapSeconds))
  const right = clip(part.spans, at, to)
  return [
    { ...part, spans: left },
    { ...part, spans: right, seam, overlapSeconds },
  ]
}

function longestSilence(speech: readonly Span[], middle: number, searchSeconds: number): number | null {
  const sorted = [...speech].sort((a, b) => a.startSeconds - b.startSeconds)
  let best: { at: number; seconds: number } | null = null
  let until: number | null = null
  for (const span of sorted) {
    const at = until === null ? null : (until + span.startSeconds) / 2
    const seconds = span.startSeconds - (until ?? span.startSeconds)
    if (at !== null && Math.abs(at - middle) <= searchSeconds && seconds >= 0.4 && seconds > (best?.seconds ?? 0)) {
      best = { at, seconds }
    }
    until = Math.max(until ?? 0, span.endSeconds)
  }
  return best?.at ?? null
}
