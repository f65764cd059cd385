import { createHash } from 'node:crypto'
import { scanMp3Frames } from '../audio/mp3-frames.ts'
import { decodeWavSamples, readWavLayout, wavDataBytes } from '../audio/wav.ts'

/** Samples (of one channel) a WAV block holds: at 8 kHz a tenth of a second. */
export const WAV_BLOCK_SAMPLES = 800
/** Hex digits kept of each hash: 48 bits, far more than the few thousand frames need. */
export const HASH_DIGITS = 12

const shortHash = (bytes: Uint8Array): string => createHash('sha1').update(bytes).digest('hex').slice(0, HASH_DIGITS)

export interface FrameHashes {
  readonly hashes: string[]
  /** How long one hashed frame sounds. */
  readonly frameSeconds: number
  readonly channels: number
}

/** A hash of each frame's payload: a copy of packets under any name and header keeps them. Null where it is no MP3. */
export function hashMp3Frames(bytes: Buffer): FrameHashes | null {
  const hashes: string[] = []
  let frameSeconds = 0
  let channels = 1
  for (const frame of scanMp3Frames(bytes)) {
    frameSeconds ||= frame.samples / frame.sampleRate
    channels = frame.channels
    hashes.push(shortHash(frame.bytes.subarray(4)))
  }
  return hashes.length >= 2 ? { hashes, frameSeconds, channels } : null
}

export interface WavSound {
  readonly samples: Int16Array
  readonly sampleRate: number
  readonly channels: number
}

/** The samples of a WAV file whose codec is plain, else null. Hashing samples rather than bytes makes mu-law and its 16-bit copy one sound. */
export function readWavSound(bytes: Buffer): WavSound | null {
  const layout = readWavLayout(bytes)
  if (!layout?.codec) return null
  const present = wavDataBytes(layout, bytes.length).bytes
  const data = bytes.subarray(layout.dataOffset, layout.dataOffset + present)
  return { samples: decodeWavSamples(data, layout.codec), sampleRate: layout.sampleRate, channels: layout.channels }
}

/** Hashes of blocks of `WAV_BLOCK_SAMPLES`, beginning `skip` samples in; a remainder is left out. */
export function hashWavBlocks(sound: WavSound, skip = 0, maxBlocks = Number.POSITIVE_INFINITY): FrameHashes {
  const width = WAV_BLOCK_SAMPLES * sound.channels
  const hashes: string[] = []
  for (let at = skip * sound.channels; at + width <= sound.samples.length && hashes.length < maxBlocks; at += width) {
    const block = sound.samples.subarray(at, at + width)
    hashes.push(shortHash(new Uint8Array(block.buffer, block.byteOffset, block.byteLength)))
  }
  return { hashes, frameSeconds: WAV_BLOCK_SAMPLES / sound.sampleRate, channels: sound.channels }
}
