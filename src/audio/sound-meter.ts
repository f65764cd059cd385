import type { SoundBlock } from './decode.ts'

/** Bars of the player's picture, a channel. */
export const PEAK_COUNT = 600
/** Levels are kept for stretches of this length. */
export const WINDOW_SECONDS = 0.02
/** Speech is judged in stretches of this length: longer than a word, shorter than most turns. */
const STRETCH_WINDOWS = 100
const FLOOR_DB = -120
/** Below this nothing is said: digital silence and the hiss of an open line. */
const SILENCE_DB = -55
/** A line whose loud and quiet moments are closer than this carries one steady sound. */
const STEADY_RANGE_DB = 8
const MIN_DIPS = 8
/** Between the 15th and the 85th percentile, against the median. Measured: one interrupted tone at most 0.13, coded tones 0.22, voices 0.9 and more. */
const MIN_CROSSING_SPREAD = 0.14
/** A few crossings more or less are the rounding of one pitch to whole windows. */
const MIN_CROSSINGS = 5
/** Less than 0.8 s in all (or a tenth of a short recording) is a click or a beep that passed for speech. */
const MIN_SPOKEN_WINDOWS = 40

export interface SoundMeasure {
  /** Loudest sample of each of 600 equal pieces, 0..1, one row a channel. */
  readonly peaks: number[][]
  /** Loudness of the whole, dB below full scale; -120 for digital silence. */
  readonly rmsDb: number
  /** Share (0..1) of the time in which somebody speaks: see `measureSpeech`. */
  readonly speechRatio: number
  /** Loudness of each 20 ms, dB below full scale; one row a channel. */
  readonly levels: Float32Array[]
  /** `speechRatio` of each channel by itself. */
  readonly channelSpeech: number[]
  /** Two channels that hold one and the same sound (their correlation is 0.9 or more), as telephony makes of a mono call. */
  readonly alike: boolean
}

const MIN_ALIKE = 0.9

/** Numbers that grow without copying at each step. */
class Series {
  #values = new Float32Array(4096)
  length = 0
  push(value: number): void {
    if (this.length === this.#values.length) {
      const grown = new Float32Array(this.length * 2)
      grown.set(this.#values)
      this.#values = grown
    }
    this.#values[this.length++] = value
  }
  values(): Float32Array {
    return this.#values.subarray(0, this.length)
  }
}

/** Takes decoded sound block by block and keeps three numbers per channel and 20 ms. */
export class SoundMeter {
  readonly #channels: { peaks: Series; levels: Series; crossings: Series }[] = []
  readonly #levels = new Series()
  readonly #crossings = new Series()
  readonly #sums = { both: 0, left: 0, right: 0 }
  #pending: SoundBlock | null = null
  #energy = 0
  #samples = 0

  add(block: SoundBlock): void {
    const joined = this.#join(block)
    const width = Math.max(1, Math.round(joined.sampleRate * WINDOW_SECONDS))
    const length = joined.channels[0]?.length ?? 0
    const whole = length - (length % width)
    for (let from = 0; from < whole; from += width) this.#window(joined, from, from + width)
    this.#pending = { sampleRate: joined.sampleRate, channels: joined.channels.map((samples) => samples.slice(whole)) }
  }

  #join(block: SoundBlock): SoundBlock {
    const pending = this.#pending
    if (!pending || pending.sampleRate !== block.sampleRate || (pending.channels[0]?.length ?? 0) === 0) return block
    const channels = block.channels.map((samples, channel) => {
      const before = pending.channels[channel] ?? new Float32Array(pending.channels[0]?.length ?? 0)
      const joined = new Float32Array(before.length + samples.length)
      joined.set(before)
      joined.set(samples, before.length)
      return joined
    })
    return { sampleRate: block.sampleRate, channels }
  }

  #window(block: SoundBlock, from: number, to: number): void {
    let loudest = -1
    let crossingsOfLoudest = 0
    for (const [channel, samples] of block.channels.entries()) {
      let peak = 0
      let energy = 0
      let crossings = 0
      let before = 0
      for (let index = from; index < to; index++) {
        const sample = samples[index] ?? 0
        const size = sample < 0 ? -sample : sample
        if (size > peak) peak = size
        energy += sample * sample
        if (sample * before < 0) crossings++
        if (sample !== 0) before = sample
      }
      let kept = this.#channels[channel]
      if (!kept) {
        kept = { peaks: new Series(), levels: new Series(), crossings: new Series() }
        this.#channels[channel] = kept
      }
      kept.peaks.push(peak)
      if (block.channels.length > 1) {
        kept.levels.push(toDb(Math.sqrt(energy / (to - from))))
        kept.crossings.push(crossings)
      }
      this.#energy += energy
      this.#samples += to - from
      if (energy > loudest) {
        loudest = energy
        crossingsOfLoudest = crossings
      }
    }
    const [left, right] = block.channels
    if (left !== undefined && right !== undefined) this.#compare(left, right, from, to)
    this.#levels.push(toDb(Math.sqrt(Math.max(0, loudest) / (to - from))))
    this.#crossings.push(crossingsOfLoudest)
  }

  #compare(left: Float32Array, right: Float32Array, from: number, to: number): void {
    let [both, ofLeft, ofRight] = [0, 0, 0]
    for (let index = from; index < to; index++) {
      const [l, r] = [left[index] ?? 0, right[index] ?? 0]
      both += l * r
      ofLeft += l * l
      ofRight += r * r
    }
    this.#sums.both += both
    this.#sums.left += ofLeft
    this.#sums.right += ofRight
  }

  finish(): SoundMeasure {
    const { both, left, right } = this.#sums
    const [levels, crossings] = [this.#levels.values(), this.#crossings.values()]
    const several = this.#channels.length > 1
    const speechRatio = measureSpeech(levels, crossings)
    return {
      peaks: this.#channels.map((kept) => shrinkPeaks(kept.peaks.values())),
      rmsDb: this.#samples === 0 ? FLOOR_DB : Math.round(toDb(Math.sqrt(this.#energy / this.#samples)) * 10) / 10,
      speechRatio,
      levels: several ? this.#channels.map((kept) => kept.levels.values()) : [levels],
      channelSpeech: several
        ? this.#channels.map((kept) => measureSpeech(kept.levels.values(), kept.crossings.values()))
        : [speechRatio],
      alike: left > 0 && right > 0 && both / Math.sqrt(left * right) >= MIN_ALIKE,
    }
  }
}

function toDb(amplitude: number): number {
  return amplitude <= 1e-6 ? FLOOR_DB : 20 * Math.log10(amplitude)
}

/** The loudest of each of `PEAK_COUNT` equal pieces; a short recording repeats its windows. */
export function shrinkPeaks(values: Float32Array): number[] {
  return Array.from({ length: PEAK_COUNT }, (_, index) => {
    const from = Math.floor((index * values.length) / PEAK_COUNT)
    const to = Math.max(from + 1, Math.floor(((index + 1) * values.length) / PEAK_COUNT))
    let peak = 0
    for (let at = from; at < to; at++) peak = Math.max(peak, values[at] ?? 0)
    return Math.round(Math.min(1, peak) * 1000) / 1000
  })
}

function percentile(sorted: Float32Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? FLOOR_DB
}

/**
 * Share of 20 ms windows that are loud and lie in a stretch of two seconds that behaves as speech does: it has dips
 * (gaps between words and syllables, well below its loud level), and its zero crossings
 * wander (vowels against consonants). Thresholds come from the recording's own quiet and loud moments, so that a
 * noisy line is no speech and a quiet voice is. Ring-back and busy tones have dips, but one pitch; held notes of
 * music have neither. Drums and singing pass: this only spares a paid request where there is clearly nothing to hear.
 */
export function measureSpeech(levels: Float32Array, crossings: Float32Array): number {
  if (levels.length === 0) return 0
  const sorted = levels.slice().sort()
  const quiet = Math.max(percentile(sorted, 0.05), SILENCE_DB - 20)
  const loud = percentile(sorted, 0.95)
  // A call with a few words in long silence is quiet at its 95th percentile; its loudest second is not.
  const peak = percentile(sorted, 1 - Math.min(0.05, 25 / levels.length))
  const top = Math.max(loud, peak)
  if (top < SILENCE_DB || top - quiet < STEADY_RANGE_DB) return 0
  const threshold = Math.max(SILENCE_DB, quiet + Math.max(3, (top - quiet) * 0.3))
  let spoken = 0
  for (let from = 0; from < levels.length; from += STRETCH_WINDOWS) {
    const to = Math.min(levels.length, from + STRETCH_WINDOWS)
    const active = countActive(levels, from, to, threshold)
    if (active >= 3 && isSpeechlike(levels, crossings, from, to, threshold)) spoken += active
  }
  if (spoken < Math.min(MIN_SPOKEN_WINDOWS, levels.length / 10)) return 0
  // Rounded up: a little speech in hours of silence is not none.
  return Math.ceil((spoken / levels.length) * 1000) / 1000
}

function countActive(levels: Float32Array, from: number, to: number, threshold: number): number {
  let active = 0
  for (let index = from; index < to; index++) if ((levels[index] ?? FLOOR_DB) >= threshold) active++
  return active
}

function isSpeechlike(
  levels: Float32Array,
  crossings: Float32Array,
  from: number,
  to: number,
  threshold: number,
): boolean {
  const loud = percentile(levels.slice(from, to).sort(), 0.9)
  const dip = Math.min(loud - 7, Math.max(threshold, loud - 10))
  const active: number[] = []
  let dips = 0
  for (let index = from; index < to; index++) {
    const level = levels[index] ?? FLOOR_DB
    if (level < dip) dips++
    if (level >= threshold) active.push(crossings[index] ?? 0)
  }
  const sorted = Float32Array.from(active).sort()
  const spread = percentile(sorted, 0.85) - percentile(sorted, 0.15)
  return (
    dips >= MIN_DIPS && spread >= MIN_CROSSINGS && spread / Math.max(1, percentile(sorted, 0.5)) >= MIN_CROSSING_SPREAD
  )
}
