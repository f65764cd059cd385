import type { FileHandle } from 'node:fs/promises'
import { type ByteSource, readBlocks } from './byte-source.ts'
import type { Span, TimePoint } from './shapes.ts'
import type { WavLayout } from './wav.ts'

const BLOCK_BYTES = 256 * 1024

/** Copies the samples of the spans, of one channel or of all, as they are. Returns where what was written comes from. */
export async function copyWavSamples(
  bytes: ByteSource,
  layout: WavLayout,
  presentBytes: number,
  wanted: { readonly spans: readonly Span[]; readonly channel: number | null },
  target: FileHandle,
): Promise<TimePoint[]> {
  const { blockAlign, sampleRate, dataOffset } = layout
  const total = Math.floor(presentBytes / blockAlign)
  const ranges = wanted.spans.map(({ startSeconds, endSeconds }) => ({
    from: Math.min(total, Math.round(startSeconds * sampleRate)),
    to: Math.min(total, Math.round(endSeconds * sampleRate)),
  }))
  const samples = ranges.reduce((sum, { from, to }) => sum + to - from, 0)
  const channels = wanted.channel === null ? layout.channels : 1
  await target.write(headOf(layout, channels, samples))
  const timeMap: TimePoint[] = []
  let written = 0
  for (const { from, to } of ranges) {
    timeMap.push({ atSeconds: written / sampleRate, fromSeconds: from / sampleRate })
    const [first, end] = [dataOffset + from * blockAlign, dataOffset + to * blockAlign]
    // Whole samples a block, so that a channel can be picked out of each.
    for await (const block of readBlocks(bytes, first, end, BLOCK_BYTES - (BLOCK_BYTES % blockAlign))) {
      await target.write(wanted.channel === null ? block : pickChannel(block, layout, wanted.channel))
    }
    written += to - from
  }
  return timeMap
}

function pickChannel(block: Buffer, { blockAlign, channels }: WavLayout, channel: number): Buffer {
  const width = blockAlign / channels
  const picked = Buffer.allocUnsafe(Math.floor(block.length / blockAlign) * width)
  for (let at = 0, from = channel * width; at < picked.length; at += width, from += blockAlign) {
    for (let byte = 0; byte < width; byte++) picked[at + byte] = block[from + byte] ?? 0
  }
  return picked
}

function headOf(layout: WavLayout, channels: number, samples: number): Buffer {
  const align = (layout.blockAlign / layout.channels) * channels
  const dataBytes = samples * align
  const head = Buffer.alloc(44)
  head.write('RIFF', 0, 'latin1')
  head.writeUInt32LE(36 + dataBytes, 4)
  head.write('WAVEfmt ', 8, 'latin1')
  head.writeUInt32LE(16, 16)
  head.writeUInt16LE(layout.formatTag, 20)
  head.writeUInt16LE(channels, 22)
  head.writeUInt32LE(layout.sampleRate, 24)
  head.writeUInt32LE(layout.sampleRate * align, 28)
  head.writeUInt16LE(align, 32)
  head.writeUInt16LE(layout.bitsPerSample, 34)
  head.write('data', 36, 'latin1')
  head.writeUInt32LE(dataBytes, 40)
  return head
}
