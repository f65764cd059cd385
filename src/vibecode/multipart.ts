import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { Retry } from '../errors.ts'
import type { StreamedBody } from './request.ts'

export interface FilePart {
  readonly filename: string
  readonly contentType: string
  readonly bytes: number
  /** A fresh stream from the first byte, for each sending. */
  open(): AsyncIterable<Uint8Array>
}

/** A multipart form of one file and some fields, streamed, with its exact length known beforehand. The file comes first, as in the API's own example. */
export function multipartBody(
  file: FilePart,
  fields: readonly (readonly [string, string])[],
  boundary = `callsift-${randomUUID()}`,
): StreamedBody {
  const filename = escapeParameter(file.filename)
  const head = Buffer.from(
    `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${filename}"\r\nContent-Type: ${file.contentType}\r\n\r\n`,
  )
  const parts = fields.map(
    ([name, value]) =>
      `--${boundary}\r\nContent-Disposition: form-data; name="${escapeParameter(name)}"\r\n\r\n${value}\r\n`,
  )
  const tail = Buffer.from(`\r\n${parts.join('')}--${boundary}--\r\n`)
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    bytes: head.byteLength + file.bytes + tail.byteLength,
    open: () => Readable.from(assemble(head, file, tail), { objectMode: false }),
  }
}

async function* assemble(head: Buffer, file: FilePart, tail: Buffer): AsyncGenerator<Uint8Array> {
  yield head
  let sent = 0
  for await (const chunk of file.open()) {
    sent += chunk.byteLength
    if (sent > file.bytes) break
    yield chunk
  }
  if (sent !== file.bytes) {
    // A shorter or longer file would break the framing that Content-Length promised.
    throw new Retry('recording_changed', {
      message: `The recording was announced with ${file.bytes} bytes and came with ${sent > file.bytes ? 'more' : sent}.`,
      hint: 'Nothing to do: it is fetched again.',
    })
  }
  yield tail
}

/** As browsers write it: quotes and line ends escaped, everything else as UTF-8. */
function escapeParameter(value: string): string {
  return value.replaceAll('"', '%22').replaceAll('\r', '%0D').replaceAll('\n', '%0A').replaceAll('\0', '')
}
