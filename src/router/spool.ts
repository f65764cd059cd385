import { createWriteStream } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Busboy, type BusboyHeaders, type BusboyInstance } from '@fastify/busboy'
import { RouterError } from './router-error.ts'

export interface Spooled {
  readonly path: string
  readonly bytes: number
  readonly filename: string
  readonly contentType: string
  /** By name; lists come as `name[]` or by repeating the name. */
  readonly fields: ReadonlyMap<string, readonly string[]>
}

const bad = (message: string) => new RouterError('invalid_request', message)
const noFile = () => new RouterError('no_file', 'No audio file was provided.', { param: 'file' })
const emptyFile = (message: string) => new RouterError('empty_file', message, { param: 'file' })
/** Fields that may stand more than once. */
const lists = new Set(['timestamp_granularities', 'include'])

/**
 * Takes a form of one file and some fields to the disk as it comes: memory stays flat, and the file can be sent again to another
 * provider. Throws `RouterError` no_file, empty_file, invalid_request (also with 413).
 */
export async function spoolForm(
  request: IncomingMessage,
  folder: () => Promise<string>,
  maxBytes: number,
): Promise<Spooled> {
  const tooLarge = () =>
    new RouterError('invalid_request', `The file is longer than ${maxBytes} bytes.`, { status: 413, param: 'file' })
  if (!/^multipart\/form-data\b/i.test(request.headers['content-type'] ?? '')) throw noFile()
  // The parts' own heads are on top of the file.
  if (Number(request.headers['content-length'] ?? 0) > maxBytes + 256 * 1024) throw tooLarge()
  const busboy = openBusboy(request, maxBytes)
  const path = join(await folder(), 'upload')
  const fields = new Map<string, string[]>()
  const got: { file: Omit<Spooled, 'fields' | 'bytes'> | null; bytes: number; writing: Promise<void> | null } = {
    file: null,
    bytes: 0,
    writing: null,
  }
  const open: Readable[] = []
  let named = false

  const parsed = new Promise<void>((resolve, reject) => {
    busboy.on('field', (name, value, nameTruncated, valueTruncated) => {
      const plain = name.replace(/\[\]$/, '')
      if (nameTruncated || valueTruncated) return reject(bad(`The field ${plain.slice(0, 60)} is too long.`))
      if (name.includes('\0')) return reject(bad('A name of a part holds a zero byte.'))
      if (plain === 'file') named = true
      const known = fields.get(plain) ?? []
      if (known.length > 0 && !lists.has(plain)) return reject(bad(`The field ${plain} was sent twice.`))
      fields.set(plain, [...known, value])
    })
    busboy.on('file', (name, stream, filename, _encoding, mimeType) => {
      open.push(stream)
      stream.on('error', () => undefined)
      stream.on('limit', () => reject(tooLarge()))
      // A name that does not decode: whether this is the file nobody can say.
      if (name === 'file' && filename?.includes('\uFFFD') === true) return void stream.resume()
      if (name !== 'file') return reject(bad('A file came under another name than "file".'))
      if (got.file !== null) return reject(bad('Only one file can be sent.'))
      if (name.includes('\0') || filename?.includes('\0') === true) return reject(bad('A name holds a zero byte.'))
      got.file = { path, filename: plainName(filename), contentType: plainType(mimeType) }
      stream.on('data', (piece: Buffer) => {
        got.bytes += piece.length
      })
      got.writing = pipeline(stream, createWriteStream(path, { mode: 0o600 }))
      got.writing.catch(reject)
    })
    busboy.on('filesLimit', () => reject(bad('Only one file can be sent.')))
    busboy.on('fieldsLimit', () => reject(bad('Too many fields were sent.')))
    busboy.on('partsLimit', () => reject(bad('Too many parts were sent.')))
    busboy.on('error', () => reject(bad('The multipart body is broken.')))
    busboy.on('finish', () => resolve())
    const cut = () => {
      if (!request.complete) reject(bad('The body ended before its time.'))
    }
    request.once('aborted', cut).once('error', cut).once('close', cut)
  })
  request.pipe(busboy)
  try {
    await parsed
    await got.writing
  } catch (error) {
    request.unpipe(busboy)
    for (const stream of open) stream.destroy(new Error('the upload was given up'))
    await (got.writing as Promise<void> | null)?.catch(() => undefined)
    throw error
  }
  if (got.file === null) {
    if (named) throw emptyFile('The field "file" holds no file: curl needs an @ before the path.')
    throw noFile()
  }
  if (got.bytes === 0) throw emptyFile('The file is empty (0 bytes).')
  return { ...got.file, bytes: got.bytes, fields }
}

function openBusboy(request: IncomingMessage, maxBytes: number): BusboyInstance {
  try {
    return new Busboy({
      headers: request.headers as BusboyHeaders,
      limits: {
        fileSize: maxBytes,
        files: 2,
        fields: 60,
        parts: 64,
        fieldNameSize: 100,
        fieldSize: 16_384,
        headerPairs: 20,
      },
    })
  } catch {
    throw bad('The multipart body has no boundary.')
  }
}

/** Providers tell the format by the name's ending; the rest of the name is nobody's business. */
function plainName(filename: string | undefined): string {
  const ending = /\.([A-Za-z0-9]{1,5})$/.exec(filename ?? '')?.[1]?.toLowerCase() ?? 'bin'
  return `audio.${ending}`
}

function plainType(type: string): string {
  return /^[\w.+-]+\/[\w.+-]{1,60}$/.test(type) ? type : 'application/octet-stream'
}
