import type { TimePoint } from '../shapes.ts'

/** From seconds of the file that was sent to seconds of the recording. */
export function recordingTime(timeMap: readonly TimePoint[], sentSeconds: number): number {
  const point = timeMap.findLast(({ atSeconds }) => atSeconds <= sentSeconds + 1e-6) ?? timeMap[0]
  return point === undefined ? sentSeconds : point.fromSeconds + sentSeconds - point.atSeconds
}

/** An end belongs to what was heard just before it, also where the next stretch begins at that very moment. */
export function recordingEnd(timeMap: readonly TimePoint[], sentSeconds: number): number {
  return recordingTime(timeMap, Math.max(0, sentSeconds - 0.001)) + 0.001
}
