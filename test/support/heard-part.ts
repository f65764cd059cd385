import type { HeardPart, HeardSegment, PlannedPart, Span } from '../../src/audio/shapes.ts'

export const span = (startSeconds: number, endSeconds: number): Span => ({ startSeconds, endSeconds })

/** A part of a recording as it came back, its sent file beginning with its first span; silence between spans was left out. */
export function heardPart(
  part: Partial<PlannedPart> & { spans: readonly Span[] },
  came: { segments: readonly HeardSegment[] } | { text: string },
): HeardPart {
  let atSeconds = 0
  const timeMap = part.spans.map(({ startSeconds, endSeconds }) => {
    const point = { atSeconds, fromSeconds: startSeconds }
    atSeconds += endSeconds - startSeconds
    return point
  })
  const whole = { index: 0, channel: null, speaker: null, seam: 'start' as const, overlapSeconds: 0, ...part }
  const text = 'text' in came ? came.text : came.segments.map((one) => one.text).join(' ')
  return { part: whole, timeMap, text, language: 'ru', segments: 'segments' in came ? came.segments : null }
}

/** A segment in the seconds of the sent file. */
export const said = (start: number, end: number, text: string, more: Partial<HeardSegment> = {}): HeardSegment => ({
  start,
  end,
  text,
  ...more,
})
