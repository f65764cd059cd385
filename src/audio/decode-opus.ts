import { OpusDecoder } from 'opus-decoder'
import type { SoundBlock } from './decode.ts'

/** Speech needs no more, and decoding to it is the cheapest. */
const RATE = 8000

/** Decodes groups of Opus packets as they come, to 8 kHz. Packets the decoder can't make sense of are left out, as players do. */
export async function* decodeOpusPackets(
  groups: AsyncIterable<Uint8Array[]>,
  channels: number,
): AsyncGenerator<SoundBlock> {
  const decoder = new OpusDecoder({ sampleRate: RATE, channels: Math.min(2, channels) })
  await decoder.ready
  try {
    for await (const group of groups) yield { sampleRate: RATE, channels: decoder.decodeFrames(group).channelData }
  } finally {
    decoder.free()
  }
}
