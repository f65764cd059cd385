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
import { openByteSource } from './byte-source.ts'
import type { SoundBlock } from './decode.ts'
import { decodeOpusPackets } from './decode-opus.ts'
import { OPUS_RATE, readOggOpus } from './ogg-opus.ts'
import { OddOgg } from './ogg-pages.ts'
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
  /** Only where no sound was decoded: packet sizes as loudness, scaled to 0..1: codecs of variable rate spend bytes where there is sound. */
  readonly peaks: number[]
  /** The same as levels of 20 ms each, dB below the largest packet. */
  readonly levels: Float32Array
  /** There is more in the file, behind something that no demuxer gets past. */
  readonly truncated: boolean
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
  const plain = format === 'ogg' ? await scanOggOpus(source, onProgress) : null
  if (plain !== null && !(plain instanceof OddOgg)) return plain
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
      truncated: plain?.unheard ?? false,
      ...(sound !== null ? NO_SIZES : judgeSizes(sizes, times, durationSeconds)),
    }
  } finally {
    input.dispose()
  }
}

/** Of a file that is one plain stream of Opus, or what else it is. */
async function scanOggOpus(
  source: string | Buffer,
  onProgress: (seconds: number) => void,
): Promise<PacketScan | OddOgg | null> {
  const bytes = await openByteSource(source)
  try {
    const blocks = readOggOpus(bytes)
    const first = await blocks.next()
    if (first.done) return null
    const { channels, sampleRate } = first.value.head
    let [from, to, audioBytes] = [-1, 0, 0]
    const walk = async function* (): AsyncGenerator<Uint8Array[]> {
      for (let next: typeof first | IteratorResult<never> = first; !next.done; next = await blocks.next()) {
        const { packets } = next.value
        if (from < 0) from = packets[0]?.from ?? -1
        to = Math.max(to, packets.at(-1)?.to ?? 0)
        for (const { data } of packets) audioBytes += data.length
        onProgress((to - Math.max(0, from)) / OPUS_RATE)
        for (let at = 0; at < packets.length; at += PACKETS_PER_GROUP)
          yield packets.slice(at, at + PACKETS_PER_GROUP).map((packet) => packet.data)
      }
    }
    const sound = await measure(decodeOpusPackets(walk(), channels))
    const durationSeconds = Math.max(0, to - Math.max(0, from)) / OPUS_RATE
    return { codec: 'opus', channels, sampleRate, durationSeconds, audioBytes, sound, truncated: false, ...NO_SIZES }
  } catch (error) {
    if (error instanceof OddOgg) return error
    throw error
  } finally {
    await bytes.close()
  }
}

/** Where the sound itself was measured, nobody asks for the sizes. */
const NO_SIZES = { peaks: [], levels: new Float32Array(), busyRatio: null }

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

function judgeSizes(
  sizes: readonly number[],
  times: readonly number[],
  durationSeconds: number,
): Pick<PacketScan, 'peaks' | 'levels' | 'busyRatio'> {
  const levels = levelsOf(sizes, times, durationSeconds)
  const sorted = Float32Array.from(sizes).sort()
  const low = sorted[Math.floor(sorted.length * 0.05)] ?? 0
  const high = sorted[Math.floor(sorted.length * 0.95)] ?? 0
  const peaks = shrinkPeaks(Float32Array.from(sizes, (size) => (high > 0 ? size / high : 0)))
  // Packets of a few bytes are how opus, AMR and FLAC write silence.
  if (high <= 16) return { peaks, levels, busyRatio: 0 }
  if (high - low < high * 0.2) return { peaks, levels, busyRatio: null }
  const threshold = low + (high - low) * 0.3
  return {
    peaks,
    levels,
    busyRatio: Math.round((sizes.filter((size) => size >= threshold).length / sizes.length) * 1000) / 1000,
  }
}
