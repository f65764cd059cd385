import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { Busboy, type BusboyHeaders, type BusboyInstance } from '@fastify/busboy'
import type { App } from '../../context.ts'
import { reserveUpload } from '../../db/reserve-upload.ts'
import { removeUpload, type StoredUpload, storeUpload } from '../../db/uploads.ts'
import { uploadLimits } from '../../ops/upload-limits.ts'
import { Problem } from '../problem.ts'
import { tooLarge } from '../read-body.ts'

const lingerMs = 500
const again = 'Correct it and send it again; nothing was changed.'
const bad = (kind: string, detail: string) => new Problem(400, kind, detail, again)

/**
 * Reads a multipart body: at most one file, stored while it comes, and up to 20 short fields. Whatever goes wrong, no part of
 * the file stays.
 */
export async function readMultipart(
  app: App,
  request: IncomingMessage,
): Promise<{ fields: Record<string, string>; upload: StoredUpload | null }> {
  const { maxBytes, quotaBytes } = uploadLimits(app.config, app.connection.kind)
  // The parts' own heads are on top of the file.
  const announced = Number(request.headers['content-length'] ?? Number.NaN)
  if (announced > maxBytes + 64 * 1024) throw tooLarge(maxBytes)
  const mayTake = Number.isNaN(announced) ? maxBytes : Math.min(announced, maxBytes)
  const busboy = openBusboy(request, maxBytes)
  const fields = new Map<string, string>()
  const storing: { file: Promise<StoredUpload> | null; stream: Readable | null } = { file: null, stream: null }

  const parsed = new Promise<void>((resolve, reject) => {
    busboy.on('field', (name, value, nameTruncated, valueTruncated) => {
      if (name === 'file') reject(bad('empty_file', 'The field "file" holds no file (it has no file name).'))
      else if (nameTruncated || valueTruncated)
        reject(bad('invalid_input', `The field ${name.slice(0, 60)} is too long.`))
      else if (fields.has(name)) reject(bad('invalid_input', `The field ${name} was sent twice.`))
      else fields.set(name, value)
    })
    busboy.on('file', (_name, stream, _filename, _encoding, mimeType) => {
      storing.stream = stream
      // Given up while nobody reads it (before the first piece, after the last), its error would end the program.
      stream.on('error', () => undefined)
      // The parser would read on to the part's end, which a sender need never send.
      stream.on('limit', () => reject(tooLarge(maxBytes)))
      const facts = { portalId: '', contentType: mimeType.slice(0, 100), bytes: mayTake }
      storing.file = reserveUpload(app.db, facts, quotaBytes).then((id) => storeUpload(app.db, id, stream))
      storing.file.catch(reject)
    })
    busboy.on('filesLimit', () => reject(bad('invalid_input', 'Only one file can be sent.')))
    busboy.on('fieldsLimit', () => reject(bad('invalid_input', 'Too many fields were sent.')))
    busboy.on('partsLimit', () => reject(bad('invalid_input', 'Too many parts were sent.')))
    busboy.on('error', () => reject(bad('bad_form', 'The multipart body is broken.')))
    busboy.on('finish', () => resolve())
    request.on('aborted', () => reject(bad('cut_off', 'The body ended before its time.')))
    request.on('error', () => reject(bad('cut_off', 'The body ended before its time.')))
  })
  request.pipe(busboy)
  try {
    await parsed
    const upload = storing.file === null ? null : await storing.file
    if (upload?.bytes === 0) throw bad('empty_file', 'The file is empty.')
    return { fields: Object.fromEntries(fields), upload }
  } catch (error) {
    request.unpipe(busboy)
    // Ends a file that still waits for its next piece, so that its rows are removed.
    storing.stream?.destroy(new Error('the upload was given up'))
    const stored = await storing.file?.catch(() => null)
    if (stored != null) await removeUpload(app.db, stored.id).catch(() => undefined)
    await discardRest(request)
    throw error
  }
}

/** Reads a little further and drops it: a sender that is cut off while it writes never reads why. */
async function discardRest(request: IncomingMessage): Promise<void> {
  if (request.complete || request.destroyed) return
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, lingerMs)
    const end = () => {
      clearTimeout(timer)
      resolve()
    }
    request.once('end', end).once('close', end).resume()
  })
}

function openBusboy(request: IncomingMessage, maxBytes: number): BusboyInstance {
  try {
    return new Busboy({
      headers: request.headers as BusboyHeaders,
      limits: {
        fileSize: maxBytes,
        files: 1,
        fields: 20,
        parts: 22,
        fieldNameSize: 100,
        fieldSize: 4_096,
        headerPairs: 20,
      },
    })
  } catch {
    throw bad('bad_form', 'The multipart body has no boundary.')
  }
}
