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
import type { AudioFormat } from './sniff.ts'
import { shrinkPeaks } from './sound-meter.ts'

export interface PacketScan {
  readonly codec: string
  readonly channels: number
  readonly sampleRate: number
  readonly durationSeconds: number
  readonly audioBytes: number
  /** Packet sizes as loudness, scaled to 0..1: codecs of variable rate spend bytes where there is sound. */
  readonly peaks: number[]
  /** Share of packets clearly larger than the smallest; null where all are of one size and say nothing. */
  readonly busyRatio: number | null
}

const READERS: Partial<Record<AudioFormat, readonly InputFormat[]>> = {
  ogg: [OGG],
  flac: [FLAC],
  m4a: [MP4, QTFF],
  webm: [WEBM],
  aac: [ADTS],
}

/**
 * Walks the packets of the first sound track without decoding them. `onProgress` is called with the seconds so far
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
    const sizes: number[] = []
    let first: number | undefined
    let end = 0
    let audioBytes = 0
    for await (const packet of new EncodedPacketSink(track).packets(undefined, undefined, { metadataOnly: true })) {
      first ??= packet.timestamp
      end = Math.max(end, packet.timestamp + packet.duration)
      audioBytes += packet.byteLength
      sizes.push(packet.byteLength)
      if (sizes.length % 256 === 0) onProgress(end - first)
    }
    const durationSeconds = Math.max(0, end - Math.max(0, first ?? 0))
    onProgress(durationSeconds)
    return {
      codec: (await track.getCodec()) ?? 'unknown',
      channels: await track.getNumberOfChannels(),
      sampleRate: await track.getSampleRate(),
      durationSeconds,
      audioBytes,
      ...judgeSizes(sizes),
    }
  } finally {
    input.dispose()
  }
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
