export type WavCodec = 'pcm_u8' | 'pcm_s16le' | 'pcm_s24le' | 'pcm_s32le' | 'pcm_f32le' | 'pcm_alaw' | 'pcm_mulaw'

export interface WavLayout {
  /** Null for a format tag that is not decoded here (GSM 6.10, ADPCM, …): see `formatTag`. */
  readonly codec: WavCodec | null
  readonly formatTag: number
  readonly channels: number
  readonly sampleRate: number
  readonly bitsPerSample: number
  /** Bytes of one sample of all channels. */
  readonly blockAlign: number
  readonly dataOffset: number
  /** What the header says; 0, 0xFFFFFFFF and any other lie are possible: see `wavDataBytes`. */
  readonly claimedDataBytes: number
}

/** The header is there but cannot be true (no channels, rate 0, 64 bits): nobody can say what was heard. */
export class CorruptWav extends Error {
  override name = 'CorruptWav'
}

const TAG_NAMES: Record<number, string> = {
  2: 'MS ADPCM',
  17: 'IMA ADPCM',
  49: 'GSM 6.10',
  85: 'MP3 in WAV',
  100: 'G.726',
  655: 'G.722',
}

/** A name for a person of a WAV format tag. */
export function wavTagName(tag: number): string {
  return TAG_NAMES[tag] ?? `format 0x${tag.toString(16).padStart(4, '0')}`
}

function codecOf(tag: number, bits: number): WavCodec | null {
  if (tag === 1 && bits === 8) return 'pcm_u8'
  if (tag === 1 && bits === 16) return 'pcm_s16le'
  if (tag === 1 && bits === 24) return 'pcm_s24le'
  if (tag === 1 && bits === 32) return 'pcm_s32le'
  if (tag === 3 && bits === 32) return 'pcm_f32le'
  if (tag === 6 && bits === 8) return 'pcm_alaw'
  if (tag === 7 && bits === 8) return 'pcm_mulaw'
  return null
}

/** Reads the chunks before the sound from the first bytes of a file. Throws `CorruptWav`; null where it is no RIFF/WAVE file. */
export function readWavLayout(head: Buffer): WavLayout | null {
  if (head.length < 12 || head.toString('latin1', 8, 12) !== 'WAVE') return null
  if (!['RIFF', 'RIFX', 'RF64'].includes(head.toString('latin1', 0, 4))) return null
  let offset = 12
  let format: { tag: number; channels: number; rate: number; align: number; bits: number } | null = null
  while (offset + 8 <= head.length) {
    const id = head.toString('latin1', offset, offset + 4)
    const size = head.readUInt32LE(offset + 4)
    const body = offset + 8
    if (id === 'fmt ' && body + 16 <= head.length) {
      let tag = head.readUInt16LE(body)
      if (tag === 0xfffe && size >= 40 && body + 26 <= head.length) tag = head.readUInt16LE(body + 24)
      format = {
        tag,
        channels: head.readUInt16LE(body + 2),
        rate: head.readUInt32LE(body + 4),
        align: head.readUInt16LE(body + 12),
        bits: head.readUInt16LE(body + 14),
      }
    }
    if (id === 'data') {
      if (!format) throw new CorruptWav('the sound comes before the description of its format')
      return { ...checkFormat(format), dataOffset: body, claimedDataBytes: size }
    }
    offset = body + size + (size & 1)
  }
  throw new CorruptWav(format ? 'it has no sound chunk' : 'it has no format chunk')
}

function checkFormat(format: { tag: number; channels: number; rate: number; align: number; bits: number }) {
  const { tag, channels, rate, bits } = format
  if (channels < 1 || channels > 16) throw new CorruptWav(`its header claims ${channels} channels`)
  if (rate < 4000 || rate > 384_000) throw new CorruptWav(`its header claims a rate of ${rate} Hz`)
  const codec = codecOf(tag, bits)
  const linear = tag === 1 || tag === 3 || tag === 6 || tag === 7
  if (codec === null && linear) throw new CorruptWav(`its header claims ${bits} bits a sample`)
  return {
    codec,
    formatTag: tag,
    channels,
    sampleRate: rate,
    bitsPerSample: bits,
    // For linear formats the product is the truth: a wrong align in the header would shear the channels.
    blockAlign: codec === null ? Math.max(1, format.align) : (channels * bits) / 8,
  }
}

/** Bytes of sound really there: the header's size where the file bears it out, else all that follows (streamed WAVs claim 0 or 0xFFFFFFFF). */
export function wavDataBytes(layout: WavLayout, fileBytes: number): { bytes: number; truncated: boolean } {
  const present = Math.max(0, fileBytes - layout.dataOffset)
  const claimed = layout.claimedDataBytes
  const streamed = claimed === 0 || claimed >= 0x7fff_ff00
  const bytes = streamed ? present : Math.min(claimed, present)
  return { bytes: bytes - (bytes % layout.blockAlign), truncated: !streamed && claimed > present + 1 }
}

const MULAW = Int16Array.from({ length: 256 }, (_, code) => {
  const value = ~code & 0xff
  const magnitude = (((value & 0x0f) << 3) + 0x84) << ((value & 0x70) >> 4)
  return value & 0x80 ? 0x84 - magnitude : magnitude - 0x84
})

const ALAW = Int16Array.from({ length: 256 }, (_, code) => {
  const value = code ^ 0x55
  const segment = (value & 0x70) >> 4
  const base = (value & 0x0f) << 4
  const magnitude = segment === 0 ? base + 8 : (base + 0x108) << (segment - 1)
  return value & 0x80 ? magnitude : -magnitude
})

/** Decodes interleaved samples to 16 bits. `data` must be whole blocks; bytes past the last whole sample are left out. */
export function decodeWavSamples(data: Buffer, codec: WavCodec): Int16Array {
  switch (codec) {
    case 'pcm_u8':
      return readEach(data, 1, (at) => ((data[at] ?? 128) - 128) << 8)
    case 'pcm_alaw':
      return readTable(data, ALAW)
    case 'pcm_mulaw':
      return readTable(data, MULAW)
    case 'pcm_s16le':
      return readEach(data, 2, (at) => data.readInt16LE(at))
    case 'pcm_s24le':
      return readEach(data, 3, (at) => data.readInt16LE(at + 1))
    case 'pcm_s32le':
      return readEach(data, 4, (at) => data.readInt16LE(at + 2))
    case 'pcm_f32le':
      return readEach(data, 4, (at) =>
        Math.max(-32768, Math.min(32767, Math.round((data.readFloatLE(at) || 0) * 32767))),
      )
  }
}

/** Ten times as fast as `Int16Array.from` with a mapping: this runs for each byte of hours of sound. */
function readTable(data: Buffer, table: Int16Array): Int16Array {
  const samples = new Int16Array(data.length)
  for (let index = 0; index < samples.length; index++) samples[index] = table[data[index] ?? 0] ?? 0
  return samples
}

function readEach(data: Buffer, width: number, read: (at: number) => number): Int16Array {
  const samples = new Int16Array(Math.floor(data.length / width))
  for (let index = 0; index < samples.length; index++) samples[index] = read(index * width)
  return samples
}

/** A plain 16-bit WAV file around interleaved samples. */
export function encodeWav(samples: Int16Array, sampleRate: number, channels = 1): Buffer {
  const data = Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength)
  const head = Buffer.alloc(44)
  head.write('RIFF', 0, 'latin1')
  head.writeUInt32LE(36 + data.length, 4)
  head.write('WAVEfmt ', 8, 'latin1')
  head.writeUInt32LE(16, 16)
  head.writeUInt16LE(1, 20)
  head.writeUInt16LE(channels, 22)
  head.writeUInt32LE(sampleRate, 24)
  head.writeUInt32LE(sampleRate * channels * 2, 28)
  head.writeUInt16LE(channels * 2, 32)
  head.writeUInt16LE(16, 34)
  head.write('data', 36, 'latin1')
  head.writeUInt32LE(data.length, 40)
  return Buffer.concat([head, data])
}
