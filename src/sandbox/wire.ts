import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Reply } from './reply.ts'

/** A body larger than the route allows. */
export class TooLarge extends Error {
  override name = 'TooLarge'
}

export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxBytes) throw new TooLarge(`the body is larger than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, size)
}

/** The reply's bytes and type; `undefined` body = none at all. */
export function renderBody(reply: Reply): { body: Buffer | undefined; contentType: string | undefined } {
  if (reply.bytes) return { body: reply.bytes, contentType: reply.contentType ?? 'application/octet-stream' }
  if (reply.json === undefined) return { body: undefined, contentType: undefined }
  return {
    body: Buffer.from(JSON.stringify(reply.json)),
    contentType: reply.contentType ?? 'application/json; charset=utf-8',
  }
}

export function sendReply(response: ServerResponse, reply: Reply, headers: Record<string, string>): void {
  if (response.destroyed || response.headersSent) return
  const { body, contentType } = renderBody(reply)
  const all: Record<string, string | number> = { ...headers, ...reply.headers }
  if (contentType !== undefined) all['content-type'] = contentType
  if (reply.status !== 204) all['content-length'] = reply.headers?.['content-length'] ?? body?.length ?? 0
  response.writeHead(reply.status, all)
  response.end(body)
}

/** The connection's end, whichever comes first: the answer was sent, or the client went away. */
export function finished(response: ServerResponse): Promise<void> {
  if (response.writableFinished || response.destroyed) return Promise.resolve()
  return new Promise((resolve) => {
    response.once('close', resolve)
    response.once('finish', resolve)
  })
}

export function delay(ms: number): Promise<void> {
  return ms <= 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, ms))
}
