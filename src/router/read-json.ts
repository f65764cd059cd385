import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import { jsonDepth, maxJsonDepth } from '../vibecode/answer-body.ts'
import { doubledKey } from './doubled-key.ts'
import { RouterError } from './router-error.ts'

export type JsonObject = Record<string, unknown>

const tooLarge = (maxBytes: number) =>
  new RouterError('invalid_request', `The body is longer than ${maxBytes} bytes.`, { status: 413 })
const bad = (message: string) => new RouterError('invalid_request', message)

/** Takes the body as it comes, up to `maxBytes`. */
async function readBytes(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes)
  const pieces: Buffer[] = []
  let bytes = 0
  return await new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      request.off('data', onData).off('end', onEnd).off('close', onGone).off('error', onGone)
      act()
    }
    const onData = (piece: Buffer) => {
      bytes += piece.length
      if (bytes <= maxBytes) return void pieces.push(piece)
      settle(() => reject(tooLarge(maxBytes)))
    }
    const onEnd = () =>
      settle(() => resolve(pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces)))
    const onGone = () => settle(() => reject(new RouterError('invalid_request', 'The body ended before its time.')))
    request.on('data', onData).on('end', onEnd).on('close', onGone).on('error', onGone)
  })
}

/** Reads a JSON object strictly: UTF-8 without a mark, bounded depth, no key twice. Throws `RouterError` invalid_request. */
export async function readJson(request: IncomingMessage, maxBytes: number): Promise<JsonObject> {
  const bytes = await readBytes(request, maxBytes)
  if (!isUtf8(bytes)) throw bad('The body is not UTF-8.')
  const text = bytes.toString('utf8')
  if (jsonDepth(bytes) > maxJsonDepth) throw bad(`The body is nested deeper than ${maxJsonDepth}.`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw bad('The body is not JSON.')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad('The body must be a JSON object.')
  const doubled = doubledKey(text)
  if (doubled !== null) throw bad(`The key ${JSON.stringify(doubled.slice(0, 80))} stands twice.`)
  return value as JsonObject
}
