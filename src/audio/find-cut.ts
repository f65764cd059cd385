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
/** Loud and quiet moments closer than this are one steady sound, which is a pause only where it is as quiet as an open line. */
const STEADY_RANGE_DB = 2
const SILENCE_DB = -55
/** In a steady sound a pause lies clearly below it. */
const BELOW_STEADY_DB = 6
/** What the quietest moment a whole search away from the mark must be quieter by, dB summed over its windows. */
const QUIET_PULL_DB = 1

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
  const range = levelAt(near, 0.9) - quiet
  const steady = range < STEADY_RANGE_DB && quiet > SILENCE_DB
  const threshold = steady ? quiet - BELOW_STEADY_DB : quiet + Math.max(STEADY_RANGE_DB, range * 0.3)
  const pause = longestPause(near, threshold, mark - from)
  if (pause !== null) return { atSeconds: (from + pause) * WINDOW_SECONDS, seam: 'pause' }
  return { atSeconds: (from + quietest(near, mark - from)) * WINDOW_SECONDS, seam: 'hard' }
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

function quietest(near: Float32Array, mark: number): number {
  let sum = 0
  let [least, at] = [Number.POSITIVE_INFINITY, mark]
  for (let index = 0; index < near.length; index++) {
    sum += near[index] ?? 0
    if (index >= QUIET_WINDOWS) sum -= near[index - QUIET_WINDOWS] ?? 0
    if (index < QUIET_WINDOWS - 1) continue
    const middle = index + 1 - QUIET_WINDOWS / 2
    const pulled = sum + (Math.abs(middle - mark) / Math.max(1, near.length / 2)) * QUIET_PULL_DB
    if (pulled < least) [least, at] = [pulled, middle]
  }
  return at
}
