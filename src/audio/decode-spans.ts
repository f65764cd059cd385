import { EncodedPacketSink, FilePathSource, Input } from 'mediabunny'
import { MPEGDecoder } from 'mpg123-decoder'
import { OpusDecoder } from 'opus-decoder'
import { type ByteSource, readBlocks } from './byte-source.ts'
import { decodeWavBlock, type SoundBlock } from './decode.ts'
import { type Mp3Frame, Mp3FrameScanner } from './mp3-frames.ts'
import { READERS } from './packet-scan.ts'
import type { Span } from './shapes.ts'
import type { AudioFormat } from './sniff.ts'
import { walkPackets } from './walk-packets.ts'
import type { WavLayout } from './wav.ts'

/** Sound and when it was heard: `fromSeconds` is the moment of its first sample in the recording. */
export interface TimedBlock extends SoundBlock {
  readonly fromSeconds: number
}

const BLOCK_BYTES = 256 * 1024
const FRAMES_PER_BLOCK = 32
/** Frames that are decoded only so that those after them can be: an MP3 frame leans on earlier bits, Opus on earlier sound. */
const LEAD_FRAMES = 4
const OPUS_LEAD_SECONDS = 0.12
const OPUS_RATE = 8000

/** Decodes what lies in the spans and little more; what lies between them is never decoded. Callers clip to the sample. */
export async function* decodeMp3Spans(
  bytes: ByteSource,
  range: { readonly from: number; readonly to: number },
  spans: readonly Span[],
): AsyncGenerator<TimedBlock> {
  const scanner = new Mp3FrameScanner()
  const decoder = new MPEGDecoder({ enableGapless: false })
  await decoder.ready
  const end = spans.at(-1)?.endSeconds ?? 0
  let seconds = 0
  let place = 0
  let group: { frame: Mp3Frame; until: number }[] = []
  const decode = (): TimedBlock[] => {
    const last = group.at(-1)
    if (last === undefined) return []
    const decoded = decoder.decodeFrames(group.map(({ frame }) => frame.bytes))
    const channels = decoded.channelData.slice(0, last.frame.channels)
    group = []
    if (decoded.samplesDecoded === 0) return []
    // A frame whose earlier bits are missing gives no sound, so what came is counted from its end.
    const fromSeconds = last.until - decoded.samplesDecoded / decoded.sampleRate
    return [{ sampleRate: decoded.sampleRate, channels, fromSeconds }]
  }
  const take = function* (block: Buffer, isLast: boolean): Generator<TimedBlock> {
    for (const frame of scanner.push(block, isLast)) {
      const length = frame.samples / frame.sampleRate
      while (place < spans.length && (spans[place]?.endSeconds ?? 0) <= seconds) place += 1
      const wanted = seconds + length > (spans[place]?.startSeconds ?? Number.POSITIVE_INFINITY) - LEAD_FRAMES * length
      seconds += length
      if (wanted) group.push({ frame, until: seconds })
      if (group.length >= FRAMES_PER_BLOCK || !wanted) yield* decode()
    }
  }
  try {
    for await (const block of readBlocks(bytes, range.from, range.to, BLOCK_BYTES)) {
      yield* take(block, false)
      if (seconds > end) break
    }
    if (seconds <= end) yield* take(Buffer.alloc(0), true)
    yield* decode()
  } finally {
    decoder.free()
  }
}

/** The same of WAV samples. */
export async function* decodeWavSpans(
  bytes: ByteSource,
  layout: WavLayout,
  presentBytes: number,
  spans: readonly Span[],
): AsyncGenerator<TimedBlock> {
  const { codec, channels, sampleRate, blockAlign, dataOffset } = layout
  if (codec === null) return
  const total = Math.floor(presentBytes / blockAlign)
  for (const span of spans) {
    let at = Math.min(total, Math.round(span.startSeconds * sampleRate))
    const to = Math.min(total, Math.round(span.endSeconds * sampleRate))
    const size = BLOCK_BYTES - (BLOCK_BYTES % blockAlign)
    for await (const block of readBlocks(bytes, dataOffset + at * blockAlign, dataOffset + to * blockAlign, size)) {
      yield { ...decodeWavBlock(block, codec, channels, sampleRate), fromSeconds: at / sampleRate }
      at += block.length / blockAlign
    }
  }
}

/** The same of Opus packets in any container, to 8 kHz. */
export async function* decodeOpusSpans(
  source: string,
  format: AudioFormat,
  spans: readonly Span[],
): AsyncGenerator<TimedBlock> {
  const input = new Input({ source: new FilePathSource(source), formats: [...(READERS[format] ?? [])] })
  try {
    const track = await input.getPrimaryAudioTrack()
    if (!track) return
    const channels = Math.min(2, await track.getNumberOfChannels())
    const sink = new EncodedPacketSink(track)
    for (const span of spans) {
      const decoder = new OpusDecoder({ sampleRate: OPUS_RATE, channels })
      await decoder.ready
      try {
        const from = Math.max(0, span.startSeconds - OPUS_LEAD_SECONDS)
        const first = (await sink.getPacket(from)) ?? (await sink.getFirstPacket())
        if (first === null) continue
        for await (const packet of walkPackets(sink, { first })) {
          if (packet.timestamp >= span.endSeconds) break
          const { channelData } = decoder.decodeFrame(packet.data)
          yield { sampleRate: OPUS_RATE, channels: channelData, fromSeconds: packet.timestamp }
        }
      } finally {
        decoder.free()
      }
    }
  } finally {
    input.dispose()
  }
}
