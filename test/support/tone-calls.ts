import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { decodeWavBlock } from '../../src/audio/decode.ts'
import type { HeardPart, PlannedPart, TimePoint } from '../../src/audio/shapes.ts'
import { readWavLayout, wavDataBytes } from '../../src/audio/wav.ts'
import { decodeTones, encodeTones, type ToneWord } from '../../src/sandbox/tones.ts'
import { findBinary } from './processes.ts'

/**
 * Calls whose words are tones: every word is another one, so that each that is lost, doubled or out of place shows. They test the path that
 * sound takes through cutting and merging, not how well speech is recognised.
 */
export interface ToneCall {
  readonly path: string
  readonly seconds: number
  /** In order of time; `channel` as in the file. */
  readonly words: readonly (ToneWord & { readonly channel: number })[]
}

export interface ToneCallOptions {
  readonly path: string
  readonly seconds: number
  readonly channels?: 1 | 2
  /** False: nobody ever draws breath, so there is no pause to cut in. */
  readonly pauses?: boolean
  /** Noise below the words by so many dB; pink, as lines have it. */
  readonly noiseDb?: number
  readonly seed?: number
}

const RATE = 8000
const AMPLITUDE = 0.5
/** The silence that the coder puts before and after its words. */
const EDGE_SAMPLES = Math.round(0.3 * RATE)
/** RMS of the coded words at that amplitude, about. */
const WORD_RMS = 0.5 * 0.5 * 0.9

/** The same numbers for the same seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

/** Writes a WAV (16-bit, 8 kHz) with flat memory, a second at a time. Two voices talk without waiting for each other. */
export async function writeToneCall(options: ToneCallOptions): Promise<ToneCall> {
  const { path, seconds, channels = 1, pauses = true, noiseDb, seed = 1 } = options
  const random = randomOf(seed)
  const noise = noiseDb === undefined ? () => 0 : pinkNoise(random, WORD_RMS / 10 ** (noiseDb / 20))
  const total = Math.round(seconds * RATE)
  let next = 0
  const name = () => (next++).toString(36).padStart(3, '0')
  const voices = Array.from({ length: channels }, () =>
    createVoice({ random, name, pauses, alone: channels === 1, total }),
  )
  async function* samples(): AsyncGenerator<Buffer> {
    yield headOf(total, channels)
    for (let at = 0; at < total; at += RATE) {
      const length = Math.min(RATE, total - at)
      const said = voices.map((voice) => voice.speak(length))
      const block = Buffer.alloc(length * channels * 2)
      for (let index = 0; index < length * channels; index++) {
        const value = (said[index % channels]?.[Math.floor(index / channels)] ?? 0) + noise() * 32768
        block.writeInt16LE(Math.max(-32768, Math.min(32767, Math.round(value))), index * 2)
      }
      yield block
    }
  }
  await pipeline(Readable.from(samples()), createWriteStream(path))
  const words = voices.flatMap((voice, channel) => voice.words.map((word) => ({ ...word, channel })))
  return { path, seconds, words: words.sort((a, b) => a.start - b.start) }
}

/** Sentences of four to eight words, with pauses between them: of half a second to a second and a half alone, of seconds beside another. */
function createVoice(options: {
  random: () => number
  name: () => string
  pauses: boolean
  alone: boolean
  /** Samples of the whole call. */
  total: number
}) {
  const { random, name, pauses, alone, total } = options
  const words: ToneWord[] = []
  let rest = new Int16Array(0)
  let at = 0
  const nextSentence = (): Int16Array => {
    const said = Array.from({ length: 4 + Math.floor(random() * 5) }, name)
    const tones = encodeTones(said.join(' '), { amplitude: AMPLITUDE * 2 })
    // Tones come with silence around them: without pauses the words alone follow each other.
    const own = pauses ? tones : tones.subarray(EDGE_SAMPLES, tones.length - EDGE_SAMPLES)
    const pauseSeconds = !pauses ? 0 : alone ? 0.2 + random() : 0.5 + random() * 5
    // What the end of the call would cut off is not begun: half a word may be heard as one, or not.
    if (at + rest.length + own.length > total) return new Int16Array(total + RATE - at - rest.length)
    const sentence = new Int16Array(own.length + Math.round(pauseSeconds * RATE))
    sentence.set(own)
    const heard = decodeTones(
      Float32Array.from(tones, (sample) => sample / 32768),
      RATE,
    ).words
    const shift = (at + rest.length) / RATE - (pauses ? 0 : EDGE_SAMPLES / RATE)
    for (const word of heard) words.push({ ...word, start: word.start + shift, end: word.end + shift })
    return sentence
  }
  return {
    words,
    speak: (length: number): Int16Array => {
      while (rest.length < length) {
        const sentence = nextSentence()
        const joined = new Int16Array(rest.length + sentence.length)
        joined.set(rest)
        joined.set(sentence, rest.length)
        rest = joined
      }
      const said = rest.subarray(0, length)
      rest = rest.slice(length)
      at += length
      return said
    },
  }
}

/** Voss-McCartney: rows of white noise that change half as often each. */
function pinkNoise(random: () => number, rms: number): () => number {
  const rows = new Float64Array(12)
  let count = 0
  return () => {
    count = (count + 1) % 4096
    const row = Math.min(rows.length - 1, Math.clz32(1) - Math.clz32(count & -count || 1))
    rows[Math.max(0, row)] = random() * 2 - 1
    let sum = 0
    for (const value of rows) sum += value
    return (sum / Math.sqrt(rows.length / 3)) * rms
  }
}

function headOf(samples: number, channels: number): Buffer {
  const head = Buffer.alloc(44)
  const bytes = samples * channels * 2
  head.write('RIFF', 0, 'latin1')
  head.writeUInt32LE(36 + bytes, 4)
  head.write('WAVEfmt ', 8, 'latin1')
  head.writeUInt32LE(16, 16)
  head.writeUInt16LE(1, 20)
  head.writeUInt16LE(channels, 22)
  head.writeUInt32LE(RATE, 24)
  head.writeUInt32LE(RATE * channels * 2, 28)
  head.writeUInt16LE(channels * 2, 32)
  head.writeUInt16LE(16, 34)
  head.write('data', 36, 'latin1')
  head.writeUInt32LE(bytes, 40)
  return head
}

/** How a telephone system may store a call; arguments for ffmpeg, and the name's end. */
export const encodings = {
  'MP3 CBR': { end: 'mp3', args: ['-c:a', 'libmp3lame', '-b:a', '32k'] },
  'MP3 VBR without a header': {
    end: 'mp3',
    args: ['-c:a', 'libmp3lame', '-q:a', '6', '-write_xing', '0', '-id3v2_version', '0'],
  },
  WAV: { end: 'wav', args: ['-c:a', 'pcm_s16le'] },
  'A-law WAV': { end: 'wav', args: ['-c:a', 'pcm_alaw'] },
  'Ogg Opus': { end: 'ogg', args: ['-c:a', 'libopus', '-b:a', '24k'] },
  M4A: { end: 'm4a', args: ['-c:a', 'aac', '-b:a', '32k'] },
} as const

const ffmpegPath = findBinary('ffmpeg')

/** Runs ffmpeg; rejects with what it said. */
export async function runFfmpeg(args: readonly string[]): Promise<void> {
  if (ffmpegPath === undefined) throw new Error('ffmpeg is not on this machine')
  const child = spawn(ffmpegPath, ['-nostdin', '-y', '-loglevel', 'error', ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', (piece: Buffer) => {
    said += piece.toString()
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`ffmpeg ${args.join(' ')}: ${said}`)
}

/** What is heard in a file of a part by a recogniser that makes no mistakes, with segments or as text alone. */
export async function hearTones(
  file: string,
  part: PlannedPart,
  timeMap: readonly TimePoint[],
  told: 'segments' | 'text',
): Promise<HeardPart> {
  const wav = `${file}.heard.wav`
  await runFfmpeg(['-i', file, '-ac', '1', '-ar', String(RATE), '-c:a', 'pcm_s16le', wav])
  const bytes = await readFile(wav)
  const layout = readWavLayout(bytes)
  if (layout?.codec == null) throw new Error('ffmpeg made no WAV')
  const data = bytes.subarray(layout.dataOffset, layout.dataOffset + wavDataBytes(layout, bytes.length).bytes)
  const [samples = new Float32Array(0)] = decodeWavBlock(data, layout.codec, 1, layout.sampleRate).channels
  const { words } = decodeTones(samples, layout.sampleRate)
  const segments: { start: number; end: number; text: string }[] = []
  for (const word of words) {
    const last = segments.at(-1)
    // As Whisper does: a segment ends where the speaker pauses, and after some seconds in any case.
    if (last !== undefined && word.start - last.end < 0.3 && word.end - last.start < 6) {
      last.text += ` ${word.text}`
      last.end = word.end
    } else segments.push({ start: word.start, end: word.end, text: word.text })
  }
  const text = words.map((word) => word.text).join(' ')
  return { part, timeMap, text, language: 'en', segments: told === 'segments' ? segments : null }
}
