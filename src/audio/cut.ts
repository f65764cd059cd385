import { open, stat } from 'node:fs/promises'
import { openByteSource } from './byte-source.ts'
import { copyMp3Frames } from './cut-mp3.ts'
import { copyPackets } from './cut-packets.ts'
import { copyWavSamples } from './cut-wav.ts'
import { decodeMp3Spans, decodeOpusSpans, decodeWavSpans } from './decode-spans.ts'
import { encodeMp3 } from './encode-mp3.ts'
import type { Encoding } from './plan.ts'
import type { Span, TimePoint } from './shapes.ts'
import type { AudioFormat } from './sniff.ts'
import { readWavLayout, wavDataBytes } from './wav.ts'

export interface CutOrder {
  readonly source: string
  readonly format: AudioFormat
  readonly encoding: Encoding
  readonly spans: readonly Span[]
  readonly channel: number | null
  /** A file that is not there yet. */
  readonly target: string
}

export interface CutFile {
  readonly bytes: number
  /** What the upstream goes by: `mp3`, `wav`, … */
  readonly extension: string
  readonly timeMap: readonly TimePoint[]
}

/** Takes a part out of a recording, its packets or samples as they are, or encoded anew. Memory stays flat. */
export async function cutPart(order: CutOrder): Promise<CutFile> {
  const written = await write(order)
  const { size } = await stat(order.target)
  return { bytes: size, ...written }
}

async function write(order: CutOrder): Promise<{ extension: string; timeMap: TimePoint[] }> {
  const { source, format, encoding, spans, channel, target } = order
  if (format !== 'mp3' && format !== 'wav') {
    if (encoding === 'mp3') {
      return { extension: 'mp3', timeMap: await encodeMp3(decodeOpusSpans(source, format, spans), order, target) }
    }
    // Bare AAC packets want a container to be known by.
    return { extension: format === 'aac' ? 'm4a' : format, timeMap: await copyPackets(source, format, spans, target) }
  }
  const bytes = await openByteSource(source)
  try {
    const wav = format === 'wav' ? readWavLayout(await bytes.read(0, 1 << 20)) : null
    const present = wav === null ? 0 : wavDataBytes(wav, bytes.size).bytes
    // MP3 inside a WAV is MP3.
    const isMp3 = wav === null || wav.formatTag === 0x55
    const range = wav === null ? { from: 0, to: bytes.size } : { from: wav.dataOffset, to: wav.dataOffset + present }
    if (encoding === 'mp3') {
      const blocks = isMp3 ? decodeMp3Spans(bytes, range, spans) : decodeWavSpans(bytes, wav, present, spans)
      return { extension: 'mp3', timeMap: await encodeMp3(blocks, order, target) }
    }
    const file = await open(target, 'wx', 0o600)
    try {
      if (isMp3) return { extension: 'mp3', timeMap: await copyMp3Frames(bytes, range, spans, file) }
      return { extension: 'wav', timeMap: await copyWavSamples(bytes, wav, present, { spans, channel }, file) }
    } finally {
      await file.close()
    }
  } finally {
    await bytes.close()
  }
}
