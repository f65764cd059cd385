import type { Span } from './shapes.ts'

/** Seconds of sound in the spans. */
export function lengthOf(spans: readonly Span[]): number {
  return spans.reduce((sum, span) => sum + span.endSeconds - span.startSeconds, 0)
}

/** The moment of the recording at which so much of the spans' sound has been heard. */
export function placeOf(spans: readonly Span[], heardSeconds: number): number {
  let left = heardSeconds
  for (const span of spans) {
    const length = span.endSeconds - span.startSeconds
    if (left <= length) return span.startSeconds + left
    left -= length
  }
  return spans.at(-1)?.endSeconds ?? 0
}

/** What of the spans lies between two moments; slivers are left out. */
export function clip(spans: readonly Span[], from: number, to: number): Span[] {
  return spans.flatMap((span) => {
    const startSeconds = Math.max(span.startSeconds, from)
    const endSeconds = Math.min(span.endSeconds, to)
    return endSeconds - startSeconds > 0.01 ? [{ startSeconds, endSeconds }] : []
  })
}

/** Ascending and disjoint: spans that meet or overlap, such as those of two channels, are one. */
export function joinSpans(spans: readonly Span[]): Span[] {
  const joined: { startSeconds: number; endSeconds: number }[] = []
  for (const { startSeconds, endSeconds } of [...spans].sort((a, b) => a.startSeconds - b.startSeconds)) {
    const last = joined.at(-1)
    if (last !== undefined && startSeconds <= last.endSeconds) last.endSeconds = Math.max(last.endSeconds, endSeconds)
    else joined.push({ startSeconds, endSeconds })
  }
  return joined
}
