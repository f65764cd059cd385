import type { Readable } from 'node:stream'

/** Bytes of a file, both ends included. */
export interface ByteRange {
  readonly from: number
  readonly to: number
}

/** What a host answered to a request for a range, its body not read yet. */
export interface RangedAnswer {
  readonly status: number
  readonly contentRange: string | null
  readonly body: Readable
}

/** `whole`: the host knows no ranges. `beyond`: the file ends before it. */
export type FilePart =
  | { readonly kind: 'part'; readonly from: number; readonly size: number; readonly bytes: Buffer }
  | { readonly kind: 'beyond'; readonly size: number | null }
  | { readonly kind: 'whole' }

/**
 * Reads what came of a request for a range into memory. An answer is believed only where it says itself that it begins where it was asked to,
 * how long the file is, and holds as many bytes as it says: a player would play anything else as noise.
 */
export async function readPart({ status, contentRange, body }: RangedAnswer, wanted: ByteRange): Promise<FilePart> {
  // One that is dropped half-way emits an error, which is nobody's matter.
  body.on('error', () => undefined)
  try {
    const told = /^bytes (?:(\d{1,15})-(\d{1,15})|\*)\/(\d{1,15})$/.exec(contentRange ?? '')
    const size = told === null ? null : Number(told[3])
    if (status === 416) return { kind: 'beyond', size }
    const [from, to] = [Number(told?.[1]), Number(told?.[2])]
    if (status !== 206 || size === null || from !== wanted.from || !(to >= from && to <= wanted.to && to < size))
      return { kind: 'whole' }
    const pieces: Buffer[] = []
    let length = 0
    for await (const piece of body as AsyncIterable<Buffer>) {
      length += piece.length
      if (length > to - from + 1) return { kind: 'whole' }
      pieces.push(piece)
    }
    return length === to - from + 1 ? { kind: 'part', from, size, bytes: Buffer.concat(pieces) } : { kind: 'whole' }
  } finally {
    body.destroy()
  }
}
