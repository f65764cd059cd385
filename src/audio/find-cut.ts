import { levelAt } from './find-speech.ts'
import type { Seam } from './shapes.ts'
import { WINDOW_SECONDS } from './sound-meter.ts'

/** A shorter pause may lie inside a word, and MP3 mutes up to 0.19 s after a cut (its bit reservoir). */
const MIN_PAUSE_WINDOWS = 20
/** Longer ones are no better: the nearer one is taken then. */
const MAX_PAUSE_SECONDS = 3
/** What a pause a whole search away from the mark must be longer by, seconds. */
const PULL_SECONDS = 0.5
const QUIET_WINDOWS = 10
/** Digital silence is no quieter than a still room: else a breath would count as sound beside it. */
const FLOOR_DB = -75

export interface Cut {
  readonly atSeconds: number
  readonly seam: Exclude<Seam, 'start'>
}

/**
 * Where to cut near `markSeconds`: in the middle of the longest pause within `searchSeconds`, by a threshold between the quiet and the
 * loud moments there (a fixed one finds no pause on a noisy line); else in the middle of the quietest 200 ms, and the seam is `hard`.
 */
export function findCut(levels: Float32Array, markSeconds: number, searchSeconds: number): Cut {
  const mark = markSeconds / WINDOW_SECONDS
  const from = Math.max(0, Math.round(mark - searchSeconds / WINDOW_SECONDS))
  const to = Math.min(levels.length, Math.round(mark + searchSeconds / WINDOW_SECONDS))
  const near = levels.subarray(from, to)
  const quiet = Math.max(FLOOR_DB, levelAt(near, 0.05))
  const threshold = quiet + Math.max(2, (levelAt(near, 0.9) - quiet) * 0.3)
  const pause = longestPause(near, threshold, mark - from)
  if (pause !== null) return { atSeconds: (from + pause) * WINDOW_SECONDS, seam: 'pause' }
  return { atSeconds: (from + quietest(near)) * WINDOW_SECONDS, seam: 'hard' }
}

function longestPause(near: Float32Array, threshold: number, mark: number): number | null {
  let best: { middle: number; worth: number } | null = null
  let start = 0
  for (let index = 0; index <= near.length; index++) {
    if (index < near.length && (near[index] ?? 0) < threshold) continue
    const length = index - start
    if (length >= MIN_PAUSE_WINDOWS) {
      const middle = start + length / 2
      const away = Math.abs(middle - mark) / Math.max(1, near.length / 2)
      const worth = Math.min(MAX_PAUSE_SECONDS, length * WINDOW_SECONDS) - away * PULL_SECONDS
      if (best === null || worth > best.worth) best = { middle, worth }
    }
    start = index + 1
  }
  return best?.middle ?? null
}

function quietest(near: Float32Array): number {
  let sum = 0
  let [least, at] = [Number.POSITIVE_INFINITY, 0]
  for (let index = 0; index < near.length; index++) {
    sum += near[index] ?? 0
    if (index >= QUIET_WINDOWS) sum -= near[index - QUIET_WINDOWS] ?? 0
    if (index >= QUIET_WINDOWS - 1 && sum < least) [least, at] = [sum, index + 1 - QUIET_WINDOWS / 2]
  }
  return at
}
