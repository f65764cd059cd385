/**
 * Words as tones: a recogniser that is never wrong, for tests of the path the sound takes. Each word is a run of
 * 40 ms tone pairs: a start mark, two pairs a character (its byte in windows-1251, high nibble first), an end mark.
 * It says nothing about how well speech is recognised; a word that was cut misses a mark and is not heard at all.
 */
const LOW = [697, 770, 852, 941, 1040] as const
const HIGH = [1209, 1336, 1477, 1633] as const
const START_MARK = 16
const END_MARK = 19
const SYMBOL_SECONDS = 0.04
/** The middle of a symbol is listened to; its edges are smeared by codecs. */
const LISTEN_SECONDS = 0.026
const WORD_PAUSE_SECONDS = 0.1
const SENTENCE_PAUSE_SECONDS = 0.6
const EDGE_PAUSE_SECONDS = 0.3
const ENVELOPE_SECONDS = 0.004

const CODE_PAGE = new TextDecoder('windows-1251').decode(Uint8Array.from({ length: 256 }, (_, byte) => byte))
const BYTE_OF = new Map([...CODE_PAGE].map((character, byte) => [character, byte]))

export interface ToneWord {
  readonly text: string
  /** Seconds. */
  readonly start: number
  readonly end: number
}

export interface DecodedTones {
  readonly words: ToneWord[]
  /** Share (0..1) of the loud time that was whole coded words: near 0 for anything that is no tone code. */
  readonly purity: number
}

/** Renders `text` as 16-bit mono samples, about 8 characters a second; a full stop brings a pause in which calls can be cut. */
export function encodeTones(text: string, options: { sampleRate?: number; amplitude?: number } = {}): Int16Array {
  const rate = options.sampleRate ?? 8000
  const amplitude = (options.amplitude ?? 0.5) * 16384
  const words = text.split(/\s+/).filter((word) => word !== '')
  const symbolSamples = Math.round(SYMBOL_SECONDS * rate)
  const plans = words.map((word) => {
    const bytes = [...word].map((character) => BYTE_OF.get(character) ?? 0x3f)
    return {
      symbols: [START_MARK, ...bytes.flatMap((byte) => [byte >> 4, byte & 15]), END_MARK],
      pause: /[.!?…]$/.test(word) ? SENTENCE_PAUSE_SECONDS : WORD_PAUSE_SECONDS,
    }
  })
  const edge = Math.round(EDGE_PAUSE_SECONDS * rate)
  const total = plans.reduce(
    (sum, plan) => sum + plan.symbols.length * symbolSamples + Math.round(plan.pause * rate),
    2 * edge,
  )
  const samples = new Int16Array(total)
  const ramp = Math.round(0.003 * rate)
  let at = edge
  for (const plan of plans) {
    for (const symbol of plan.symbols) {
      const low = (2 * Math.PI * (LOW[symbol >> 2] ?? 0)) / rate
      const high = (2 * Math.PI * (HIGH[symbol & 3] ?? 0)) / rate
      for (let index = 0; index < symbolSamples; index++) {
        const fade = Math.min(1, index / ramp, (symbolSamples - index) / ramp)
        samples[at + index] = Math.round(amplitude * fade * (Math.sin(low * index) + Math.sin(high * index)))
      }
      at += symbolSamples
    }
    at += Math.round(plan.pause * rate)
  }
  return samples
}

/** Goertzel: how much of `frequency` is in the window, as an energy comparable to the sum of squares. */
function energyAt(samples: Float32Array, from: number, length: number, frequency: number, rate: number): number {
  const coefficient = 2 * Math.cos((2 * Math.PI * frequency) / rate)
  let last = 0
  let before = 0
  for (let index = from; index < from + length; index++) {
    const next = (samples[index] ?? 0) + coefficient * last - before
    before = last
    last = next
  }
  return (2 * (last * last + before * before - coefficient * last * before)) / length
}

/** The loudest pair of a window, and its share of the window's energy. */
function hearSymbol(
  samples: Float32Array,
  from: number,
  length: number,
  rate: number,
): { symbol: number; share: number; energy: number } {
  let total = 0
  for (let index = from; index < from + length; index++) total += (samples[index] ?? 0) ** 2
  const loudest = (group: readonly number[]) => {
    let best = { index: 0, energy: -1 }
    for (const [index, frequency] of group.entries()) {
      const energy = energyAt(samples, from, length, frequency, rate)
      if (energy > best.energy) best = { index, energy }
    }
    return best
  }
  const low = loudest(LOW)
  const high = loudest(HIGH)
  const energy = low.energy + high.energy
  return { symbol: low.index * 4 + high.index, share: total > 0 ? energy / total : 0, energy }
}

/** Stretches louder than a quarter of the usual loud level, in samples. */
function findRuns(samples: Float32Array, rate: number): { from: number; to: number }[] {
  const width = Math.max(1, Math.round(ENVELOPE_SECONDS * rate))
  const levels = new Float32Array(Math.floor(samples.length / width))
  for (let block = 0; block < levels.length; block++) {
    let sum = 0
    for (let index = block * width; index < (block + 1) * width; index++) sum += (samples[index] ?? 0) ** 2
    levels[block] = Math.sqrt(sum / width)
  }
  const loud = levels.filter((level) => level > 0.003).sort()
  const threshold = (loud[Math.floor(loud.length * 0.8)] ?? 1) * 0.3
  const bridge = Math.round(0.04 / ENVELOPE_SECONDS)
  const runs: { from: number; to: number }[] = []
  for (let block = 0; block < levels.length; block++) {
    if ((levels[block] ?? 0) < threshold) continue
    const open = runs.at(-1)
    if (open && block - open.to <= bridge) open.to = block + 1
    else runs.push({ from: block, to: block + 1 })
  }
  return runs.map((run) => ({ from: run.from * width, to: run.to * width }))
}

function decodeWord(samples: Float32Array, run: { from: number; to: number }, rate: number): ToneWord | null {
  const symbolSamples = SYMBOL_SECONDS * rate
  const count = Math.round((run.to - run.from) / symbolSamples)
  if (count < 4 || count % 2 !== 0) return null
  const length = Math.round(LISTEN_SECONDS * rate)
  const margin = (symbolSamples - length) / 2
  const hear = (begin: number, index: number) =>
    hearSymbol(samples, Math.round(begin + index * symbolSamples + margin), length, rate)
  const step = 0.002 * rate
  let begin = run.from
  let best = -1
  for (let phase = -8; phase <= 8; phase++) {
    const candidate = run.from + phase * step
    if (candidate < 0) continue
    const first = hear(candidate, 0)
    const last = hear(candidate, count - 1)
    const clear = first.energy * first.share + last.energy * last.share
    if (first.symbol === START_MARK && last.symbol === END_MARK && clear > best) {
      best = clear
      begin = candidate
    }
  }
  if (best < 0) return null
  const bytes = new Uint8Array(count / 2 - 1)
  for (let index = 1; index < count - 1; index++) {
    const { symbol, share } = hear(begin, index)
    if (symbol > 15 || share < 0.5) return null
    const at = (index - 1) >> 1
    bytes[at] = ((bytes[at] ?? 0) << 4) | symbol
  }
  const text = [...bytes].map((byte) => CODE_PAGE[byte] ?? '?').join('')
  return { text, start: Math.max(0, begin) / rate, end: (begin + count * symbolSamples) / rate }
}

/** Hears the coded words in mono samples (-1..1). Works after MP3 at 16 kbit/s and mu-law. */
export function decodeTones(samples: Float32Array, rate: number): DecodedTones {
  const runs = findRuns(samples, rate)
  const words: ToneWord[] = []
  let loudSeconds = 0
  let codedSeconds = 0
  for (const run of runs) {
    loudSeconds += (run.to - run.from) / rate
    const word = decodeWord(samples, run, rate)
    if (!word) continue
    words.push(word)
    codedSeconds += word.end - word.start
  }
  return { words, purity: loudSeconds > 0 ? Math.min(1, codedSeconds / loudSeconds) : 0 }
}
