import { type FileHandle, open, rm } from 'node:fs/promises'
import {
  EncodedAudioPacketSource,
  EncodedPacketSink,
  FilePathSource,
  FilePathTarget,
  FlacOutputFormat,
  Input,
  Mp4OutputFormat,
  OggOutputFormat,
  Output,
  type OutputFormat,
  WebMOutputFormat,
} from 'mediabunny'
import { type ByteSource, openByteSource } from './byte-source.ts'
import { OPUS_RATE, readOggOpus } from './ogg-opus.ts'
import { OddOgg } from './ogg-pages.ts'
import { READERS } from './packet-scan.ts'
import type { Span, TimePoint } from './shapes.ts'
import type { AudioFormat } from './sniff.ts'
import { walkPackets } from './walk-packets.ts'
import { OggOpusWriter } from './write-ogg-opus.ts'

const WRITERS: Partial<Record<AudioFormat, () => OutputFormat>> = {
  ogg: () => new OggOutputFormat(),
  flac: () => new FlacOutputFormat(),
  m4a: () => new Mp4OutputFormat(),
  webm: () => new WebMOutputFormat(),
  aac: () => new Mp4OutputFormat(),
}

/** AAC and Opus packets lean on the ones before them; the recording itself may begin with packets before its time 0. */
const LEAD_SECONDS = 0.15

/** Copies the packets of the spans into a container of the same kind. Returns where what was written comes from. */
export async function copyPackets(
  source: string,
  format: AudioFormat,
  spans: readonly Span[],
  target: string,
): Promise<TimePoint[]> {
  if (format === 'ogg') {
    const plain = await copyOggOpus(source, spans, target)
    if (plain !== null) return plain
  }
  const [formats, writer] = [READERS[format], WRITERS[format]]
  if (formats === undefined || writer === undefined) throw new Error(`no container to cut ${format} into`)
  const input = new Input({ source: new FilePathSource(source), formats: [...formats] })
  const output = new Output({ format: writer(), target: new FilePathTarget(target) })
  try {
    const track = await input.getPrimaryAudioTrack()
    const codec = await track?.getCodec()
    if (!track || !codec) throw new Error(`the ${format} file has no sound track any more`)
    const packets = new EncodedAudioPacketSource(codec)
    output.addAudioTrack(packets)
    await output.start()
    const decoderConfig = (await track.getDecoderConfig()) ?? undefined
    const sink = new EncodedPacketSink(track)
    const timeMap: TimePoint[] = []
    let written = 0
    for (const span of spans) {
      const first = (await sink.getPacket(span.startSeconds - LEAD_SECONDS)) ?? (await sink.getFirstPacket())
      if (first === null) continue
      timeMap.push({ atSeconds: written, fromSeconds: first.timestamp })
      for await (const packet of walkPackets(sink, { first })) {
        if (packet.timestamp >= span.endSeconds) break
        await packets.add(packet.clone({ timestamp: written }), { ...(decoderConfig && { decoderConfig }) })
        written += packet.duration
      }
    }
    await output.finalize()
    return timeMap
  } finally {
    input.dispose()
  }
}

/** Null, and no file, where the recording is not one plain stream of Opus. */
async function copyOggOpus(source: string, spans: readonly Span[], target: string): Promise<TimePoint[] | null> {
  const bytes = await openByteSource(source)
  const file = await open(target, 'wx', 0o600)
  try {
    return await writeOggOpus(bytes, spans, file)
  } catch (error) {
    await rm(target)
    if (error instanceof OddOgg) return null
    throw error
  } finally {
    await file.close()
    await bytes.close()
  }
}

async function writeOggOpus(bytes: ByteSource, spans: readonly Span[], file: FileHandle): Promise<TimePoint[]> {
  const timeMap: TimePoint[] = []
  let writer: OggOpusWriter | null = null
  for (const span of spans) {
    const [from, end] = [(span.startSeconds - LEAD_SECONDS) * OPUS_RATE, span.endSeconds * OPUS_RATE]
    let isFirst = true
    for await (const { head, packets } of readOggOpus(bytes, from)) {
      writer ??= new OggOpusWriter(file, head)
      for (const packet of packets) {
        if (packet.to <= from || packet.from >= end) continue
        if (isFirst) timeMap.push({ atSeconds: writer.seconds, fromSeconds: packet.from / OPUS_RATE })
        isFirst = false
        writer.add(packet.data)
      }
      await writer.flush()
      if ((packets.at(-1)?.to ?? 0) >= end) break
    }
  }
  await writer?.finish()
  return timeMap
}
