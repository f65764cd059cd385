import type { ByteSource } from './byte-source.ts'
import { OddOgg, type OggPage, readOggPages } from './ogg-pages.ts'

/** Opus counts in these, whatever was recorded (RFC 7845, section 4). */
export const OPUS_RATE = 48_000

export interface OpusHead {
  /** The identification header as it stands in the file. */
  readonly bytes: Uint8Array
  readonly serial: number
  readonly channels: number
  /** Of what was recorded, Hz. */
  readonly sampleRate: number
}

export interface OpusPacket {
  readonly data: Uint8Array
  /** Where its sound begins and ends in the recording, samples of 48 kHz. */
  readonly from: number
  readonly to: number
}

/**
 * The packets of a file that holds one Opus stream without gaps, those of a block together, from the page of `fromSamples` on. A general
 * demuxer asks for each packet by itself, and there are 180,000 an hour: that was half of what planning such a call cost.
 * Throws `OddOgg` where the file is any other, also late in it.
 */
export async function* readOggOpus(
  bytes: ByteSource,
  fromSamples = 0,
): AsyncGenerator<{ head: OpusHead; packets: OpusPacket[] }> {
  const stream = new Stream(fromSamples)
  for await (const pages of readOggPages(bytes)) {
    const packets: OpusPacket[] = []
    for (const page of pages) stream.read(page, packets)
    if (stream.head !== null) yield { head: stream.head, packets }
  }
  if (stream.head === null) throw new OddOgg('no Opus stream')
}

class Stream {
  head: OpusHead | null = null
  readonly #fromSamples: number
  #headersLeft = 2
  #preSkip = 0
  #sequence = -1
  /** End of the last packet; the samples of the pre-skip lie before 0. */
  #at = 0
  #begun: Uint8Array[] = []
  #ended = false

  constructor(fromSamples: number) {
    this.#fromSamples = fromSamples
  }

  read(page: OggPage, packets: OpusPacket[]): void {
    if (this.#ended) throw new OddOgg('a stream behind another', { unheard: true })
    if (page.isFirst !== (this.#sequence === -1)) throw new OddOgg('more than one stream')
    if (this.head !== null && page.serial !== this.head.serial) throw new OddOgg('more than one stream')
    if (this.#sequence !== -1 && page.sequence !== this.#sequence + 1) throw new OddOgg('a page is missing')
    this.#sequence = page.sequence
    this.#ended = page.isLast
    if (this.#headersLeft > 0) {
      this.#readHeaders(page)
      return
    }
    const end = page.granule - this.#preSkip
    const isWhole = this.#begun.length === 0 && page.lacing.at(-1) !== 255
    if (isWhole && page.granule >= 0 && end <= this.#fromSamples && end > this.#at && !page.isLast) {
      this.#at = end
      return
    }
    const before = this.#at
    const mark = packets.length
    for (const data of this.#split(page)) {
      const to = this.#at + opusSamples(data)
      packets.push({ data, from: Math.max(0, this.#at), to: Math.max(0, to) })
      this.#at = to
    }
    if (packets.length === mark) return
    if (page.granule < 0 || (page.isLast ? end > this.#at : end !== this.#at)) throw new OddOgg('a gap in the sound')
    if (page.isLast && end < this.#at) trimLast(packets, mark, Math.max(end, before, 0))
  }

  #readHeaders(page: OggPage): void {
    for (const data of this.#split(page)) {
      this.#headersLeft -= 1
      if (this.#headersLeft < 0) throw new OddOgg('sound on the page of a header')
      if (this.head === null) {
        this.head = readHead(data, page.serial)
        this.#preSkip = Buffer.from(data.buffer, data.byteOffset, data.length).readUInt16LE(10)
        this.#at = -this.#preSkip
      }
    }
  }

  /** Packets that end on the page; the beginning of one that does not is kept for the next. */
  *#split(page: OggPage): Generator<Uint8Array> {
    let [from, length] = [0, 0]
    for (const segment of page.lacing) {
      length += segment
      if (segment === 255) continue
      const piece = page.body.subarray(from, from + length)
      from += length
      length = 0
      if (this.#begun.length === 0) {
        yield piece
        continue
      }
      const whole = Buffer.concat([...this.#begun, piece])
      this.#begun = []
      yield whole
    }
    // Copied, or the block that it stands in would be kept whole.
    if (length > 0) this.#begun.push(Uint8Array.from(page.body.subarray(from, from + length)))
  }
}

/** The end of the stream may lie before the end of its last packet (RFC 7845, section 4.4). */
function trimLast(packets: OpusPacket[], mark: number, end: number): void {
  for (let index = mark; index < packets.length; index++) {
    const { data, from, to } = packets[index] as OpusPacket
    packets[index] = { data, from: Math.min(from, end), to: Math.min(to, end) }
  }
}

function readHead(data: Uint8Array, serial: number): OpusHead {
  const head = Buffer.from(data)
  const channels = head[9] ?? 0
  // Families other than 0 hold several streams in a packet.
  if (
    head.length < 19 ||
    head.toString('latin1', 0, 8) !== 'OpusHead' ||
    head[18] !== 0 ||
    channels < 1 ||
    channels > 2
  )
    throw new OddOgg('no plain Opus stream')
  return { bytes: head, serial, channels, sampleRate: head.readUInt32LE(12) || OPUS_RATE }
}

/** 120 ms (RFC 6716, section 3.2.5), and the longest that a packet of one stream may be (RFC 7845, section 6). */
const [MAX_SAMPLES, MAX_BYTES] = [5_760, 61_440]

/** How much sound a packet holds, samples of 48 kHz: its first byte tells (RFC 6716, section 3.1). */
export function opusSamples(data: Uint8Array): number {
  const first = data[0]
  if (first === undefined) throw new OddOgg('an empty packet')
  const config = first >> 3
  const frame =
    config < 12 ? ([480, 960, 1920, 2880][config & 3] ?? 0) : config < 16 ? 480 << (config & 1) : 120 << (config & 3)
  const code = first & 3
  const samples = frame * (code === 0 ? 1 : code < 3 ? 2 : (data[1] ?? 0) & 63)
  if (samples === 0 || samples > MAX_SAMPLES || data.length > MAX_BYTES) throw new OddOgg('a packet that cannot be')
  return samples
}
