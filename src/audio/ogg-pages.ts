import { type ByteSource, readBlocks } from './byte-source.ts'

/** A page of an Ogg stream (RFC 3533, section 6). */
export interface OggPage {
  readonly isFirst: boolean
  readonly isLast: boolean
  /** Of the last packet that ends on this page; -1 where none does. */
  readonly granule: number
  readonly serial: number
  readonly sequence: number
  /** Lengths of its segments: a packet goes on while they are 255. */
  readonly lacing: Uint8Array
  readonly body: Uint8Array
}

/** Not a plain file of one stream: whoever reads all there is to Ogg has to look at it. */
export class OddOgg extends Error {
  /** Whether a general demuxer will stop here too, so that what follows is not heard. */
  readonly unheard: boolean
  constructor(message: string, options: { unheard?: boolean } = {}) {
    super(message)
    this.unheard = options.unheard ?? false
  }
}

const BLOCK_BYTES = 128 * 1024
export const OGG_CAPTURE = 0x4f676753
export const OGG_HEADER_BYTES = 27

/** The pages of a file, those of a block together. A page that the file's end cuts off is left out; anything between pages is odd. */
export async function* readOggPages(bytes: ByteSource): AsyncGenerator<OggPage[]> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const block of readBlocks(bytes, 0, bytes.size, BLOCK_BYTES)) {
    const joined = rest.length === 0 ? block : Buffer.concat([rest, block])
    const pages: OggPage[] = []
    let at = 0
    for (let page = readPage(joined, at); page !== null; page = readPage(joined, at)) {
      pages.push(page)
      at += OGG_HEADER_BYTES + page.lacing.length + page.body.length
    }
    rest = joined.subarray(at)
    yield pages
  }
}

function readPage(buffer: Buffer, at: number): OggPage | null {
  if (at + OGG_HEADER_BYTES > buffer.length) return null
  if (buffer.readUInt32BE(at) !== OGG_CAPTURE || buffer[at + 4] !== 0)
    throw new OddOgg('no page where one should begin', { unheard: true })
  const segments = buffer[at + 26] ?? 0
  const from = at + OGG_HEADER_BYTES + segments
  if (from > buffer.length) return null
  const lacing = buffer.subarray(at + OGG_HEADER_BYTES, from)
  let length = 0
  for (const segment of lacing) length += segment
  if (from + length > buffer.length) return null
  const flags = buffer[at + 5] ?? 0
  return {
    isFirst: (flags & 2) !== 0,
    isLast: (flags & 4) !== 0,
    granule: Number(buffer.readBigInt64LE(at + 6)),
    serial: buffer.readUInt32LE(at + 14),
    sequence: buffer.readUInt32LE(at + 18),
    lacing,
    body: buffer.subarray(from, from + length),
  }
}
