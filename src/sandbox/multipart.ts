import type { IncomingMessage } from 'node:http'
import { Busboy, type BusboyHeaders } from '@fastify/busboy'

export interface Form {
  readonly fields: Record<string, string>
  /** `undefined` when no part carries a file name. */
  readonly file: { readonly name: string; readonly type: string; readonly bytes: Buffer } | undefined
}

/** Reads a multipart body as it streams in. A text field named `file` is what curl sends without the `@`: it is no file. */
export function readForm(request: IncomingMessage, maxBytes: number): Promise<Form> {
  return new Promise((resolve, reject) => {
    const headers: BusboyHeaders = { ...request.headers, 'content-type': request.headers['content-type'] ?? '' }
    const parser = new Busboy({ headers, limits: { files: 1, fileSize: maxBytes, fields: 50, fieldSize: 64 * 1024 } })
    const fields: Record<string, string> = Object.create(null)
    let file: Form['file']
    parser.on('field', (name, value) => {
      fields[name] = value
    })
    parser.on('file', (_name, stream, fileName, _encoding, type) => {
      const chunks: Buffer[] = []
      // An upload that breaks off inside its file ends here; unheard, this error would end the process.
      stream.on('error', reject)
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        file = { name: fileName, type, bytes: Buffer.concat(chunks) }
      })
    })
    parser.on('error', reject)
    parser.on('finish', () => resolve({ fields, file }))
    request.on('error', reject)
    request.on('aborted', () => reject(new Error('the upload was broken off')))
    request.pipe(parser)
  })
}
