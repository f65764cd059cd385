import type { Span } from './shapes.ts'
import { WINDOW_SECONDS } from './sound-meter.ts'
import { speechPadSeconds } from './speech-pad.ts'

const PAD_WINDOWS = Math.round(speechPadSeconds / WINDOW_SECONDS)
/** A shorter silence is a speaker drawing breath. */
const MIN_SILENCE_WINDOWS = 50
const SILENCE_DB = -55
/** So far below a channel's loud moments lies what comes over from the other one: codecs that code both together let it through. */
const CROSSTALK_DB = 30

/** The level that lies at `share` (0..1) of the sorted levels, dB. */
export function levelAt(levels: Float32Array, share: number): number {
  if (levels.length === 0) return -120
  const sorted = levels.slice().sort()
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? -120
}

/**
 * Where a channel is clearly louder than its own quiet moments: the stretches worth sending, padded, with shorter silences left in.
 * Ascending and disjoint; empty where there is nothing. `levels`: 20 ms each, dB.
 */
export function findSpeech(levels: Float32Array): Span[] {
  const quiet = Math.max(levelAt(levels, 0.05), SILENCE_DB - 20)
  const top = levelAt(levels, 1 - Math.min(0.05, 25 / Math.max(1, levels.length)))
  if (top < SILENCE_DB) return []
  const threshold = Math.max(SILENCE_DB, top - CROSSTALK_DB, quiet + Math.max(3, (top - quiet) * 0.3))
  const spans: { from: number; to: number }[] = []
  for (let index = 0; index < levels.length; index++) {
    if ((levels[index] ?? -120) < threshold) continue
    const from = Math.max(0, index - PAD_WINDOWS)
    const to = Math.min(levels.length, index + 1 + PAD_WINDOWS)
    const last = spans.at(-1)
    if (last !== undefined && from - last.to < MIN_SILENCE_WINDOWS) last.to = to
    else spans.push({ from, to })
  }
  return spans.map(({ from, to }) => ({ startSeconds: from * WINDOW_SECONDS, endSeconds: to * WINDOW_SECONDS }))
}
