import { OpusDecoder } from 'opus-decoder'
import type { SoundBlock } from './decode.ts'

/** Speech needs no more, and decoding to it is the cheapest. */
const RATE = 8000
const PACKETS_PER_BLOCK = 100

/** Decodes Opus packets as they come, to 8 kHz. Packets the decoder can't make sense of are left out, as players do. */
export async function* decodeOpusPackets(
  packets: AsyncIterable<Uint8Array>,
  channels: number,
): AsyncGenerator<SoundBlock> {
  const decoder = new OpusDecoder({ sampleRate: RATE, channels: Math.min(2, channels) })
  await decoder.ready
  try {
    let group: Uint8Array[] = []
    for await (const packet of packets) {
      group.push(packet)
      if (group.length < PACKETS_PER_BLOCK) continue
      yield decode(decoder, group)
      group = []
    }
    if (group.length > 0) yield decode(decoder, group)
  } finally {
    decoder.free()
  }
}

function decode(
  decoder: { decodeFrames(packets: Uint8Array[]): { channelData: Float32Array[] } },
  group: Uint8Array[],
): SoundBlock {
  return { sampleRate: RATE, channels: decoder.decodeFrames(group).channelData }
}
