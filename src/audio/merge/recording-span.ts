import type { HeardSegment, Span, TimePoint } from '../shapes.ts'

/** Where in the recording a segment of the file that was sent stands; `end` never before `start`, whatever the upstream says. */
export function recordingSpan(timeMap: readonly TimePoint[], segment: Pick<HeardSegment, 'start' | 'end'>): Span {
  const startSeconds = recordingTime(timeMap, segment.start)
  // An end belongs to what was heard just before it, also where the next stretch begins at that very moment.
  const last = Math.max(0, segment.start, segment.end) - 0.001
  return { startSeconds, endSeconds: Math.max(startSeconds, recordingTime(timeMap, Math.max(0, last)) + 0.001) }
}

/** From seconds of the file that was sent to seconds of the recording. */
function recordingTime(timeMap: readonly TimePoint[], sentSeconds: number): number {
  const point = timeMap.findLast(({ atSeconds }) => atSeconds <= sentSeconds + 1e-6) ?? timeMap[0]
  return point === undefined ? sentSeconds : point.fromSeconds + sentSeconds - point.atSeconds
}
