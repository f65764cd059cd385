import type { FileHandle } from 'node:fs/promises'
import type { OpusHead } from './ogg-opus.ts'
import { opusSamples } from './ogg-opus.ts'
import { OGG_CAPTURE, OGG_HEADER_BYTES } from './ogg-pages.ts'

/** A second of packets of 20 ms, as other writers do. */
const PACKETS_PER_PAGE = 50
const MAX_SEGMENTS = 255
const [FIRST, LAST] = [2, 4]

/** A page's checksum is over its own polynomial, not that of zip (RFC 3533, section 6). */
const CRC = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index << 24
  for (let bit = 0; bit < 8; bit++) value = value & 0x8000_0000 ? (value << 1) ^ 0x04c1_1db7 : value << 1
  return value
})

function checksum(page: Uint8Array): number {
  let crc = 0
  for (let index = 0; index < page.length; index++)
    crc = (crc << 8) ^ (CRC[((crc >>> 24) ^ (page[index] ?? 0)) & 255] ?? 0)
  return crc >>> 0
}

/** Writes packets of Opus as they are into an Ogg file of their own, from time 0 on. Comments of the recording are left out. */
export class OggOpusWriter {
  readonly #file: FileHandle
  readonly #head: OpusHead
  #sequence = 0
  #granule = 0
  #lacing: number[] = []
  #packets: Uint8Array[] = []
  #ready: Buffer[] = []

  constructor(file: FileHandle, head: OpusHead) {
    this.#file = file
    this.#head = head
    this.#add(head.bytes)
    this.#endPage(FIRST)
    const vendor = Buffer.from('Callsift')
    const tags = Buffer.alloc(8 + 4 + vendor.length + 4)
    tags.write('OpusTags')
    tags.writeUInt32LE(vendor.length, 8)
    vendor.copy(tags, 12)
    this.#add(tags)
    this.#endPage(0)
  }

  /** Seconds written. */
  get seconds(): number {
    return this.#granule / 48_000
  }

  add(packet: Uint8Array): void {
    // Not before the next one comes: the last page says that it is the last.
    const segments = Math.floor(packet.length / 255) + 1
    if (this.#packets.length >= PACKETS_PER_PAGE || this.#lacing.length + segments > MAX_SEGMENTS) this.#endPage(0)
    this.#add(packet)
    this.#granule += opusSamples(packet)
  }

  /** Writes what is ready. */
  async flush(): Promise<void> {
    if (this.#ready.length === 0) return
    const pages = Buffer.concat(this.#ready)
    this.#ready = []
    await this.#file.appendFile(pages)
  }

  async finish(): Promise<void> {
    this.#endPage(LAST)
    await this.flush()
  }

  #add(packet: Uint8Array): void {
    for (let left = packet.length; left >= 0; left -= 255) this.#lacing.push(Math.min(left, 255))
    this.#packets.push(packet)
  }

  #endPage(flags: number): void {
    const header = Buffer.alloc(OGG_HEADER_BYTES)
    header.writeUInt32BE(OGG_CAPTURE, 0)
    header[5] = flags
    header.writeBigInt64LE(BigInt(this.#granule), 6)
    header.writeUInt32LE(this.#head.serial, 14)
    header.writeUInt32LE(this.#sequence++, 18)
    header[26] = this.#lacing.length
    const page = Buffer.concat([header, Uint8Array.from(this.#lacing), ...this.#packets])
    page.writeUInt32LE(checksum(page), 22)
    this.#ready.push(page)
    this.#lacing = []
    this.#packets = []
  }
}
