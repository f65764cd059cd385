import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

const reasons: Readonly<Record<string, readonly [number, string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'Request Header Fields Too Large'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'Request Timeout'],
}

/** A caller that does not read the few bytes of a refusal has this long (ms). */
const refusalMs = 5_000

/** Answers what is no HTTP, and closes. Nothing of the packet is logged: it may hold a token. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) return void socket.destroy()
  const [status, text] = reasons[error.code ?? ''] ?? [400, 'Bad Request']
  socket.end(`HTTP/1.1 ${status} ${text}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`, () => socket.destroy())
  socket.setTimeout(refusalMs, () => socket.resetAndDestroy())
}

/**
 * Ends a connection on which nothing has happened for too long, by a reset: what its caller never took off the wire would else
 * stay with the kernel, as long as that caller holds its window shut (RFC 9293, 3.8.6.1).
 */
export function resetIdle(socket: Socket): void {
  socket.resetAndDestroy()
}

/** Says "100 Continue" only to bodies that would be read: a sender that announces a gigabyte is refused before it begins. */
export function routeExpectations(http: FastifyInstance, maxUploadBytes: number): void {
  http.server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    const announced = Number(request.headers['content-length'] ?? 0)
    const limit = request.url?.startsWith('/api/') ? maxUploadBytes : 64 * 1024
    if (announced <= limit) response.writeContinue()
    http.routing(request, response)
  })
}
