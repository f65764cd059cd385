import { decodeMp3Frames, decodeWavBlock, type SoundBlock, thinOut } from '../audio/decode.ts'
import { findSpeech } from '../audio/find-speech.ts'
import { scanMp3Frames } from '../audio/mp3-frames.ts'
import type { Span } from '../audio/shapes.ts'
import { SoundMeter } from '../audio/sound-meter.ts'
import { CorruptWav, readWavLayout, wavDataBytes } from '../audio/wav.ts'
import { findEnvelope, measureEnvelope } from './envelope.ts'
import { HASH_DIGITS, hashMp3Frames, hashWavBlocks, readWavSound, WAV_BLOCK_SAMPLES } from './frame-hashes.ts'
import { loadRecordings, type Recording } from './recordings.ts'
import { decodeTones } from './tones.ts'

export interface RecognisedSegment {
  /** Seconds from the beginning of the sound received. */
  readonly start: number
  readonly end: number
  readonly text: string
  readonly speaker?: 'agent' | 'customer'
}

export interface Recognised {
  /** Empty where nothing is said. */
  readonly text: string
  readonly language: 'ru' | 'en'
  readonly durationSeconds: number
  readonly segments: RecognisedSegment[]
}

export interface Recogniser {
  /** What is said in the file, by its sound alone; null for speech it does not know and for what is no MP3 or WAV. */
  recognise(audio: Buffer): Promise<Recognised | null>
}

interface Place {
  readonly recording: number
  readonly frame: number
}

/** Quieter than this (RMS of a tenth of a second, about -60 dB) nobody is speaking. */
const SILENT_RMS = 0.001
/** Share of the frames received that must lie at one and the same shift in a recording. */
const MIN_SHARE = 0.9
const MIN_TONE_PURITY = 0.6

/**
 * Recognises tone-coded words, the sandbox's own recordings (whole or any run of their frames under any name, or
 * re-encoded, or one channel of them) and silence. It never guesses: the rest is null, so that a caller can say that this speech is unknown to it.
 */
export async function createRecogniser(): Promise<Recogniser> {
  const recordings = await loadRecordings()
  const places = new Map<string, Place[]>()
  for (const [recording, { frames }] of recordings.entries()) {
    for (let at = 0, frame = 0; at < frames.length; at += HASH_DIGITS, frame++) {
      const hash = frames.slice(at, at + HASH_DIGITS)
      const known = places.get(hash)
      if (known) known.push({ recording, frame })
      else places.set(hash, [{ recording, frame }])
    }
  }

  /** The one recording and shift that most frames agree on, by votes: single frames of noise may be alike. */
  const locate = (hashes: readonly string[]): { recording: Recording; shift: number; share: number } | null => {
    const votes = new Map<string, { recording: number; shift: number; count: number }>()
    for (const [index, hash] of hashes.entries()) {
      for (const place of places.get(hash) ?? []) {
        const shift = place.frame - index
        const key = `${place.recording}:${shift}`
        const vote = votes.get(key) ?? { recording: place.recording, shift, count: 0 }
        vote.count++
        votes.set(key, vote)
      }
    }
    const best = [...votes.values()].reduce((top, vote) => (vote.count > top.count ? vote : top), {
      recording: -1,
      shift: 0,
      count: 0,
    })
    const recording = recordings[best.recording]
    return recording ? { recording, shift: best.shift, share: best.count / hashes.length } : null
  }

  const fromMp3 = (audio: Buffer): Recognised | null => {
    const heard = hashMp3Frames(audio)
    const found = heard && locate(heard.hashes)
    if (!heard || !found || found.share < MIN_SHARE) return null
    const { frameSeconds } = found.recording
    return cutTranscript(found.recording, found.shift * frameSeconds, heard.hashes.length * frameSeconds)
  }

  /** WAV may be cut at any sample, so the place of the block borders in it is tried out. */
  const fromWav = (audio: Buffer): Recognised | null => {
    const sound = readWavSound(audio)
    if (!sound) return null
    const samples = sound.samples.length / sound.channels
    for (let skip = 0; skip < WAV_BLOCK_SAMPLES; skip++) {
      const probe = hashWavBlocks(sound, skip, 3).hashes
      if (!probe.some((hash) => places.has(hash))) continue
      const blocks = hashWavBlocks(sound, skip)
      const found = locate(blocks.hashes)
      if (!found || found.share < MIN_SHARE) continue
      const start = (found.shift * WAV_BLOCK_SAMPLES - skip) / sound.sampleRate
      return cutTranscript(found.recording, start, samples / sound.sampleRate)
    }
    return null
  }

  let tracks: Promise<Track[]> | undefined
  const knownTracks = (): Promise<Track[]> => {
    tracks ??= measureTracks(recordings)
    return tracks
  }

  return {
    async recognise(audio) {
      try {
        const known = fromMp3OrWav(audio)
        return known ?? (await listen(audio, knownTracks))
      } catch (error) {
        if (error instanceof CorruptWav) return null
        throw error
      }
    },
  }

  function fromMp3OrWav(audio: Buffer): Recognised | null {
    return audio.toString('latin1', 8, 12) === 'WAVE' ? fromWav(audio) : fromMp3(audio)
  }
}

/** The words of `recording` between `start` and `start + length` seconds; a turn that is cut gives the words whose middle lies inside. */
function cutTranscript(
  recording: Recording,
  start: number,
  length: number,
  speaker?: 'agent' | 'customer',
): Recognised {
  const segments: RecognisedSegment[] = []
  for (const segment of recording.segments) {
    if (speaker && segment.speaker !== speaker) continue
    const words = segment.text.split(' ')
    const perCharacter = (segment.end - segment.start) / (segment.text.length + 1)
    let at = segment.start
    const inside: { from: number; to: number; word: string }[] = []
    for (const word of words) {
      const to = at + (word.length + 1) * perCharacter
      const middle = (at + to) / 2
      if (middle >= start && middle < start + length) inside.push({ from: at, to, word })
      at = to
    }
    const first = inside[0]
    const last = inside.at(-1)
    if (!first || !last) continue
    const whole = inside.length === words.length
    const [from, to] = whole ? [segment.start, segment.end] : [first.from, last.to]
    segments.push({
      start: roundTime(Math.max(0, from - start)),
      end: roundTime(Math.min(length, to - start)),
      text: whole ? segment.text : inside.map(({ word }) => word).join(' '),
      speaker: segment.speaker,
    })
  }
  return {
    text: segments.map(({ text }) => text).join(' '),
    language: recording.language,
    durationSeconds: roundTime(length),
    segments,
  }
}

/** A recording's channel, or the sum of its channels, by its loudness over time. */
interface Track {
  readonly recording: Recording
  /** Set where only this side is heard. */
  readonly speaker?: 'agent' | 'customer'
  readonly envelope: Float32Array
}

async function measureTracks(recordings: readonly Recording[]): Promise<Track[]> {
  const tracks: Track[] = []
  for (const recording of recordings) {
    const sound = await collect(await recording.bytes())
    if (!sound) throw new Error(`The sandbox's recording ${recording.file} can't be decoded.`)
    tracks.push({ recording, envelope: measureEnvelope(sumChannels(sound.channels), sound.sampleRate) })
    if (sound.channels.length < 2) continue
    const meter = new SoundMeter()
    meter.add(sound)
    const { levels } = meter.finish()
    for (const [index, samples] of sound.channels.entries()) {
      const speaker = index === 0 ? 'agent' : 'customer'
      tracks.push({ recording, speaker, envelope: measureEnvelope(samples, sound.sampleRate) })
      // Who sends each side by itself leaves its silence out.
      const spans = findSpeech(levels[index] ?? new Float32Array(0))
      const spoken = joinSamples(
        spans.map((span) =>
          samples.subarray(...[span.startSeconds, span.endSeconds].map((at) => at * sound.sampleRate)),
        ),
      )
      const envelope = measureEnvelope(spoken, sound.sampleRate)
      tracks.push({ recording: withoutSilence(recording, spans), speaker, envelope })
    }
  }
  return tracks
}

/** The recording's segments at the times they have when only the spans are heard, one after another. */
function withoutSilence(recording: Recording, spans: readonly Span[]): Recording {
  const heardAt = (seconds: number) =>
    spans.reduce((sum, span) => sum + Math.max(0, Math.min(seconds, span.endSeconds) - span.startSeconds), 0)
  const segments = recording.segments.map((one) => ({ ...one, start: heardAt(one.start), end: heardAt(one.end) }))
  return { ...recording, segments }
}

function joinSamples(pieces: readonly Float32Array[]): Float32Array {
  const joined = new Float32Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    joined.set(piece, at)
    at += piece.length
  }
  return joined
}

function sumChannels(channels: readonly Float32Array[]): Float32Array {
  return (channels[0] ?? new Float32Array(0)).map((_, index) =>
    channels.reduce((sum, samples) => sum + (samples[index] ?? 0), 0),
  )
}

/** Silence, tones and re-encoded recordings need the samples themselves. */
async function listen(audio: Buffer, knownTracks: () => Promise<Track[]>): Promise<Recognised | null> {
  const sound = await collect(audio)
  if (!sound) return null
  const durationSeconds = roundTime((sound.channels[0]?.length ?? 0) / sound.sampleRate)
  if (sound.channels.every((samples) => isSilent(samples, sound.sampleRate))) {
    return { text: '', language: 'en', durationSeconds, segments: [] }
  }
  return hearTones(sound, durationSeconds) ?? findTrack(sound, durationSeconds, await knownTracks())
}

function findTrack(sound: SoundBlock, durationSeconds: number, tracks: readonly Track[]): Recognised | null {
  const envelope = measureEnvelope(sumChannels(sound.channels), sound.sampleRate)
  let best: { track: Track; start: number; likeness: number } | null = null
  for (const track of tracks) {
    const found = findEnvelope(envelope, track.envelope)
    if (found && found.likeness > (best?.likeness ?? 0)) best = { track, ...found }
  }
  return best && cutTranscript(best.track.recording, best.start, durationSeconds, best.track.speaker)
}

function hearTones(sound: SoundBlock, durationSeconds: number): Recognised | null {
  const stereo = sound.channels.length === 2 && !areAlike(sound.channels[0], sound.channels[1])
  const tracks = stereo ? sound.channels : sound.channels.slice(0, 1)
  const segments: RecognisedSegment[] = []
  for (const [index, samples] of tracks.entries()) {
    if (stereo && isSilent(samples, sound.sampleRate)) continue
    const tones = decodeTones(samples, sound.sampleRate)
    if (tones.words.length === 0 || tones.purity < MIN_TONE_PURITY) return null
    const speaker = stereo ? ({ speaker: index === 0 ? 'agent' : 'customer' } as const) : {}
    for (const sentence of joinSentences(tones.words)) segments.push({ ...sentence, ...speaker })
  }
  segments.sort((left, right) => left.start - right.start)
  const text = segments.map((segment) => segment.text).join(' ')
  return { text, language: /[а-яё]/i.test(text) ? 'ru' : 'en', durationSeconds, segments }
}

function joinSentences(
  words: readonly { text: string; start: number; end: number }[],
): { start: number; end: number; text: string }[] {
  const sentences: { start: number; end: number; text: string }[] = []
  let ended = true
  for (const word of words) {
    const open = sentences.at(-1)
    if (ended || !open) sentences.push({ start: roundTime(word.start), end: roundTime(word.end), text: word.text })
    else {
      open.text += ` ${word.text}`
      open.end = roundTime(word.end)
    }
    ended = /[.!?…]$/.test(word.text)
  }
  return sentences
}

/** Whole file as thin channels; null where it is neither MP3 nor a plain WAV. */
async function collect(audio: Buffer): Promise<SoundBlock | null> {
  const layout = readWavLayout(audio)
  if (layout && !layout.codec) return null
  const blocks: SoundBlock[] = []
  if (layout?.codec) {
    const data = audio.subarray(layout.dataOffset, layout.dataOffset + wavDataBytes(layout, audio.length).bytes)
    if (data.length > 0) blocks.push(thinOut(decodeWavBlock(data, layout.codec, layout.channels, layout.sampleRate)))
  } else {
    const frames = scanMp3Frames(audio)
    if (frames.length < 2) return null
    for await (const block of decodeMp3Frames([frames])) blocks.push(thinOut(block))
  }
  const first = blocks[0]
  if (!first) return null
  const channels = first.channels.map((_, channel) => {
    return joinSamples(blocks.map((block) => block.channels[channel] ?? new Float32Array(0)))
  })
  return { sampleRate: first.sampleRate, channels }
}

function isSilent(samples: Float32Array, rate: number): boolean {
  const width = Math.round(rate / 10)
  for (let from = 0; from < samples.length; from += width) {
    const to = Math.min(samples.length, from + width)
    let sum = 0
    for (let index = from; index < to; index++) sum += (samples[index] ?? 0) ** 2
    if (Math.sqrt(sum / (to - from)) > SILENT_RMS) return false
  }
  return true
}

/** The same mono sound written to both channels. */
function areAlike(left: Float32Array = new Float32Array(0), right: Float32Array = new Float32Array(0)): boolean {
  let difference = 0
  let energy = 0
  for (let index = 0; index < left.length; index++) {
    difference += ((left[index] ?? 0) - (right[index] ?? 0)) ** 2
    energy += (left[index] ?? 0) ** 2 + (right[index] ?? 0) ** 2
  }
  return difference < energy * 0.02
}

const roundTime = (seconds: number): number => Math.round(seconds * 1000) / 1000
