/** One MPEG audio Layer III frame as its 4-byte header describes it. */
export interface Mp3FrameHeader {
  /** Bytes of the whole frame, header included. */
  readonly length: number
  readonly sampleRate: number
  readonly channels: 1 | 2
  readonly samples: 576 | 1152
  readonly bitrate: number
  /** Bytes of the side information that follows the header (and its checksum). */
  readonly sideInfoBytes: number
}

export interface Mp3Frame extends Mp3FrameHeader {
  /** Offset of the frame in the file. */
  readonly offset: number
  /** The whole frame, header included. */
  readonly bytes: Buffer
}

const MPEG1_KBITS = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320]
const MPEG2_KBITS = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160]
const RATES: Record<number, readonly number[]> = {
  3: [44100, 48000, 32000],
  2: [22050, 24000, 16000],
  0: [11025, 12000, 8000],
}

/** Reads a Layer III header at `offset`; null where the bytes are no such header (also free-format, which nobody records calls in). */
export function readMp3Header(bytes: Uint8Array, offset: number): Mp3FrameHeader | null {
  const b1 = bytes[offset + 1]
  const b2 = bytes[offset + 2]
  const b3 = bytes[offset + 3]
  if (bytes[offset] !== 0xff || b1 === undefined || b2 === undefined || b3 === undefined || (b1 & 0xe0) !== 0xe0)
    return null
  const version = (b1 >> 3) & 3
  if (version === 1 || ((b1 >> 1) & 3) !== 1) return null
  const kbits = (version === 3 ? MPEG1_KBITS : MPEG2_KBITS)[b2 >> 4]
  const sampleRate = RATES[version]?.[(b2 >> 2) & 3]
  if (!kbits || sampleRate === undefined) return null
  const samples = version === 3 ? 1152 : 576
  const padding = (b2 >> 1) & 1
  const channels = b3 >> 6 === 3 ? 1 : 2
  return {
    length: Math.floor((samples / 8) * ((kbits * 1000) / sampleRate)) + padding,
    sampleRate,
    channels,
    samples,
    bitrate: kbits * 1000,
    sideInfoBytes: version === 3 ? (channels === 1 ? 17 : 32) : channels === 1 ? 9 : 17,
  }
}

/** Length in bytes of an ID3v2 tag at `offset` (footer included), 0 where there is none. Its size bytes carry 7 bits each. */
export function id3v2Length(bytes: Uint8Array, offset = 0): number {
  if (bytes.length < offset + 10) return 0
  if (bytes[offset] !== 0x49 || bytes[offset + 1] !== 0x44 || bytes[offset + 2] !== 0x33) return 0
  let size = 0
  for (let index = offset + 6; index < offset + 10; index++) size = (size << 7) | ((bytes[index] ?? 0) & 0x7f)
  return 10 + size + (((bytes[offset + 5] ?? 0) & 0x10) !== 0 ? 10 : 0)
}

/** A Xing, Info or VBRI frame carries a table instead of sound: it has no duration and says nothing about what is heard. */
export function isInfoFrame(bytes: Uint8Array, offset: number, header: Mp3FrameHeader): boolean {
  const hasCrc = ((bytes[offset + 1] ?? 1) & 1) === 0
  const xing = offset + 4 + (hasCrc ? 2 : 0) + header.sideInfoBytes
  return [xing, offset + 4 + header.sideInfoBytes, offset + 36].some((at) => {
    const tag = String.fromCharCode(bytes[at] ?? 0, bytes[at + 1] ?? 0, bytes[at + 2] ?? 0, bytes[at + 3] ?? 0)
    return tag === 'Xing' || tag === 'Info' || tag === 'VBRI'
  })
}

/** The largest Layer III frame, and room for the header after it. */
const LOOK_AHEAD_BYTES = 1732 * 2

/**
 * Finds the frames that carry sound in a stream of chunks of any size. Tags and rubbish between frames are stepped
 * over; a frame counts only where the next one follows it (or the data end), as two bytes of sync turn up in any data.
 */
export class Mp3FrameScanner {
  #pending: Buffer = Buffer.alloc(0)
  #pendingAt = 0
  #skip = 0
  #locked = false
  /** Bytes that were neither frame nor tag. */
  strayBytes = 0
  /** The data ended inside a frame. */
  truncated = false
  /** Frames that an encoder's Xing/Info table says there are; undefined without one. Only good for telling a cut file. */
  claimedFrames: number | undefined

  /** Frames completed by `chunk`; their bytes are views that stay valid. Call once with `last` at the end. */
  push(chunk: Buffer, last = false): Mp3Frame[] {
    const bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk])
    const base = this.#pendingAt
    const found: Mp3Frame[] = []
    let offset = 0
    for (;;) {
      if (this.#skip > 0) {
        const step = Math.min(this.#skip, bytes.length - offset)
        this.#skip -= step
        offset += step
      }
      const left = bytes.length - offset
      if (left < 4 || (!last && left < LOOK_AHEAD_BYTES)) break
      const tag = id3v2Length(bytes, offset)
      if (tag > 0) {
        this.#skip = tag
        continue
      }
      if (bytes.toString('latin1', offset, offset + 3) === 'TAG' && left <= 128 + 3 && last) {
        offset = bytes.length
        break
      }
      const header = readMp3Header(bytes, offset)
      const next = header ? offset + header.length : 0
      if (header === null || !(this.#locked || next + 4 > bytes.length || readMp3Header(bytes, next) !== null)) {
        this.#locked = false
        const sync = bytes.indexOf(0xff, offset + 1)
        const to = sync === -1 ? bytes.length : sync
        this.strayBytes += to - offset
        offset = to
        continue
      }
      if (next > bytes.length) {
        this.truncated = true
        offset = bytes.length
        break
      }
      if (isInfoFrame(bytes, offset, header)) this.claimedFrames ??= readClaimedFrames(bytes, offset, header)
      else found.push({ ...header, offset: base + offset, bytes: bytes.subarray(offset, next) })
      this.#locked = next + 4 > bytes.length || readMp3Header(bytes, next) !== null
      offset = next
    }
    this.#pending = last ? Buffer.alloc(0) : bytes.subarray(offset)
    this.#pendingAt = base + offset
    return found
  }
}

function readClaimedFrames(bytes: Buffer, offset: number, header: Mp3FrameHeader): number | undefined {
  const at = offset + 4 + header.sideInfoBytes
  const tag = bytes.toString('latin1', at, at + 4)
  if ((tag !== 'Xing' && tag !== 'Info') || (bytes.readUInt32BE(at + 4) & 1) === 0) return undefined
  return bytes.readUInt32BE(at + 8)
}

/** The frames of a whole file in memory. */
export function scanMp3Frames(bytes: Buffer): Mp3Frame[] {
  return new Mp3FrameScanner().push(bytes, true)
}
