import { open } from 'node:fs/promises'

/** A recording's bytes, in a file or in memory, read in blocks so that memory stays flat. */
export interface ByteSource {
  readonly size: number
  /** Up to `length` bytes from `offset`; fewer at the end. */
  read(offset: number, length: number): Promise<Buffer>
  close(): Promise<void>
}

export async function openByteSource(source: string | Buffer): Promise<ByteSource> {
  if (Buffer.isBuffer(source)) {
    return {
      size: source.length,
      read: async (offset, length) => source.subarray(offset, offset + length),
      close: async () => {},
    }
  }
  const file = await open(source, 'r')
  try {
    const { size } = await file.stat()
    return {
      size,
      read: async (offset, length) => {
        const buffer = Buffer.allocUnsafe(Math.max(0, Math.min(length, size - offset)))
        const { bytesRead } = await file.read(buffer, 0, buffer.length, offset)
        return buffer.subarray(0, bytesRead)
      },
      close: () => file.close(),
    }
  } catch (error) {
    await file.close()
    throw error
  }
}

/** Consecutive blocks of `[from, to)`. */
export async function* readBlocks(
  source: ByteSource,
  from: number,
  to: number,
  blockBytes: number,
): AsyncGenerator<Buffer> {
  for (let offset = from; offset < to; ) {
    const block = await source.read(offset, Math.min(blockBytes, to - offset))
    if (block.length === 0) return
    yield block
    offset += block.length
  }
}
