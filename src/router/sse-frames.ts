/**
 * Cuts a stream of server-sent events into frames without changing a byte: an empty line ends one. A frame that is
 * not whole yet waits. Frames may be of any length; `maxBytes` is a guard against one that never ends.
 */
export class SseFrames {
  #rest: Buffer = Buffer.alloc(0)
  readonly #maxBytes: number
  constructor(maxBytes = 16 * 1024 * 1024) {
    this.#maxBytes = maxBytes
  }

  /** The whole frames that are there with this piece, ends included. Throws where a frame never ends. */
  take(piece: Buffer): Buffer[] {
    const frames: Buffer[] = []
    let bytes = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece])
    for (let end = frameEnd(bytes); end > 0; end = frameEnd(bytes)) {
      frames.push(bytes.subarray(0, end))
      bytes = bytes.subarray(end)
    }
    if (bytes.length > this.#maxBytes) throw new Error(`a frame is longer than ${this.#maxBytes} bytes`)
    this.#rest = bytes
    return frames
  }

  /** What stands after the last whole frame. */
  get rest(): Buffer {
    return this.#rest
  }
}

function frameEnd(bytes: Buffer): number {
  for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, at + 1)) {
    if (bytes[at + 1] === 0x0a) return at + 2
    if (bytes[at + 1] === 0x0d && bytes[at + 2] === 0x0a) return at + 3
  }
  return 0
}

/** The data of a frame; null where it has none (a comment, a keep-alive). */
export function frameData(frame: Buffer): string | null {
  const text = frame.toString('utf8')
  // What nearly all frames are: one line.
  if (text.startsWith('data:') && text.indexOf('\n') >= text.length - 2 && !text.includes('\r')) {
    return text.slice(text.charCodeAt(5) === 0x20 ? 6 : 5, -2)
  }
  const lines = text.split(/\r?\n/)
  const data = lines.filter((line) => line.startsWith('data:')).map((line) => line.slice(5).replace(/^ /, ''))
  return data.length === 0 ? null : data.join('\n')
}
