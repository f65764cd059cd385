import {
  ADTS,
  BufferSource,
  EncodedPacketSink,
  FilePathSource,
  FLAC,
  Input,
  type InputFormat,
  MP4,
  OGG,
  QTFF,
  WEBM,
} from 'mediabunny'
import type { SoundBlock } from './decode.ts'
import { decodeOpusPackets } from './decode-opus.ts'
import type { AudioFormat } from './sniff.ts'
import { type SoundMeasure, SoundMeter, shrinkPeaks, WINDOW_SECONDS } from './sound-meter.ts'
import { walkPackets } from './walk-packets.ts'

export interface PacketScan {
  readonly codec: string
  readonly channels: number
  readonly sampleRate: number
  readonly durationSeconds: number
  readonly audioBytes: number
  /** Of the decoded sound, where there is a decoder. */
  readonly sound: SoundMeasure | null
  /** Packet sizes as loudness, scaled to 0..1: codecs of variable rate spend bytes where there is sound. */
  readonly peaks: number[]
  /** The same as levels of 20 ms each, dB below the largest packet. */
  readonly levels: Float32Array
  /** Share of packets clearly larger than the smallest; null where all are of one size and say nothing. */
  readonly busyRatio: number | null
}

/** Few steps through the generators: there are fifty packets a second of sound. */
const PACKETS_PER_GROUP = 100

export const READERS: Partial<Record<AudioFormat, readonly InputFormat[]>> = {
  ogg: [OGG],
  flac: [FLAC],
  m4a: [MP4, QTFF],
  webm: [WEBM],
  aac: [ADTS],
}

/**
 * Walks the packets of the first sound track; Opus is decoded on the way. `onProgress` is called with the seconds so far
 * and may throw to stop. Null where the container holds no sound.
 */
export async function scanPackets(
  source: string | Buffer,
  format: AudioFormat,
  onProgress: (seconds: number) => void,
): Promise<PacketScan | null> {
  const formats = READERS[format]
  if (!formats) return null
  const input = new Input({
    source: Buffer.isBuffer(source) ? new BufferSource(source) : new FilePathSource(source),
    formats: [...formats],
  })
  try {
    const track = await input.getPrimaryAudioTrack()
    if (!track) return null
    const codec = (await track.getCodec()) ?? 'unknown'
    const channels = await track.getNumberOfChannels()
    const sizes: number[] = []
    const times: number[] = []
    let first: number | undefined
    let end = 0
    let audioBytes = 0
    const metadataOnly = codec !== 'opus'
    const walk = async function* (): AsyncGenerator<Uint8Array[]> {
      let group: Uint8Array[] = []
      for await (const packet of walkPackets(new EncodedPacketSink(track), { metadataOnly })) {
        first ??= packet.timestamp
        end = Math.max(end, packet.timestamp + packet.duration)
        audioBytes += packet.byteLength
        sizes.push(packet.byteLength)
        times.push(packet.timestamp)
        if (sizes.length % 256 === 0) onProgress(end - (first ?? 0))
        if (metadataOnly) continue
        group.push(packet.data)
        if (group.length < PACKETS_PER_GROUP) continue
        yield group
        group = []
      }
      if (group.length > 0) yield group
    }
    const sound = metadataOnly ? null : await measure(decodeOpusPackets(walk(), channels))
    if (metadataOnly) for await (const _ of walk());
    const durationSeconds = Math.max(0, end - Math.max(0, first ?? 0))
    onProgress(durationSeconds)
    return {
      codec,
      channels,
      sampleRate: await track.getSampleRate(),
      durationSeconds,
      audioBytes,
      sound,
      ...judgeSizes(sizes),
      levels: levelsOf(sizes, times, durationSeconds),
    }
  } finally {
    input.dispose()
  }
}

async function measure(blocks: AsyncIterable<SoundBlock>): Promise<SoundMeasure> {
  const meter = new SoundMeter()
  for await (const block of blocks) meter.add(block)
  return meter.finish()
}

function levelsOf(sizes: readonly number[], times: readonly number[], durationSeconds: number): Float32Array {
  const levels = new Float32Array(Math.ceil(durationSeconds / WINDOW_SECONDS)).fill(-120)
  const largest = sizes.reduce((most, size) => Math.max(most, size), 1)
  for (const [index, size] of sizes.entries()) {
    const from = Math.max(0, Math.floor((times[index] ?? 0) / WINDOW_SECONDS))
    const to = Math.max(from + 1, Math.floor((times[index + 1] ?? durationSeconds) / WINDOW_SECONDS))
    levels.fill(20 * Math.log10(Math.max(1, size) / largest), from, to)
  }
  return levels
}

function judgeSizes(sizes: readonly number[]): { peaks: number[]; busyRatio: number | null } {
  const sorted = Float32Array.from(sizes).sort()
  const low = sorted[Math.floor(sorted.length * 0.05)] ?? 0
  const high = sorted[Math.floor(sorted.length * 0.95)] ?? 0
  const peaks = shrinkPeaks(Float32Array.from(sizes, (size) => (high > 0 ? size / high : 0)))
  // Packets of a few bytes are how opus, AMR and FLAC write silence.
  if (high <= 16) return { peaks, busyRatio: 0 }
  if (high - low < high * 0.2) return { peaks, busyRatio: null }
  const threshold = low + (high - low) * 0.3
  return {
    peaks,
    busyRatio: Math.round((sizes.filter((size) => size >= threshold).length / sizes.length) * 1000) / 1000,
  }
}
