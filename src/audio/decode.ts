import { MPEGDecoder } from 'mpg123-decoder'
import type { Mp3Frame } from './mp3-frames.ts'
import { decodeWavSamples, type WavCodec } from './wav.ts'

/** Samples in -1..1, one array a channel, all of one length. */
export interface SoundBlock {
  readonly sampleRate: number
  readonly channels: Float32Array[]
}

/** About two seconds of 8 kHz sound: few calls into the decoder, and memory stays flat. */
const FRAMES_PER_BLOCK = 32

/** Decodes MP3 frames as they come. Frames the decoder can't make sense of are left out, as players do. */
export async function* decodeMp3Frames(
  frames: AsyncIterable<Mp3Frame[]> | Iterable<Mp3Frame[]>,
): AsyncGenerator<SoundBlock> {
  // Gapless trimming needs the encoder's table, which the frame scan leaves out: every frame is heard.
  const decoder = new MPEGDecoder({ enableGapless: false })
  await decoder.ready
  try {
    for await (const group of frames) {
      for (let at = 0; at < group.length; at += FRAMES_PER_BLOCK) {
        const some = group.slice(at, at + FRAMES_PER_BLOCK)
        const decoded = decoder.decodeFrames(some.map((frame) => frame.bytes))
        if (decoded.samplesDecoded === 0) continue
        const channels = decoded.channelData.slice(0, some[0]?.channels ?? 1)
        yield { sampleRate: decoded.sampleRate, channels }
      }
    }
  } finally {
    decoder.free()
  }
}

/** One block of whole WAV samples as channels. */
export function decodeWavBlock(data: Buffer, codec: WavCodec, channels: number, sampleRate: number): SoundBlock {
  const samples = decodeWavSamples(data, codec)
  const length = Math.floor(samples.length / channels)
  const split = Array.from({ length: channels }, () => new Float32Array(length))
  for (const [channel, target] of split.entries()) {
    for (let index = 0; index < length; index++) target[index] = (samples[index * channels + channel] ?? 0) / 32768
  }
  return { sampleRate, channels: split }
}

/** Averages whole groups of samples so that the rate falls to 8-16 kHz; telephone sound loses nothing by it. */
export function thinOut(block: SoundBlock, targetRate = 8000): SoundBlock {
  const factor = Math.floor(block.sampleRate / targetRate)
  if (factor <= 1) return block
  const channels = block.channels.map((samples) => {
    const thin = new Float32Array(Math.floor(samples.length / factor))
    for (let index = 0; index < thin.length; index++) {
      let sum = 0
      for (let step = 0; step < factor; step++) sum += samples[index * factor + step] ?? 0
      thin[index] = sum / factor
    }
    return thin
  })
  return { sampleRate: block.sampleRate / factor, channels }
}
