import type { ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'

/** An answer of a few hundred bytes that has not left by then has nobody who reads it. */
const patienceMs = 10_000
const lookEveryMs = 1_000

/**
 * Cuts connections whose callers send and never read: their answers would wait in memory for as long as they like. For routes with
 * short answers only.
 */
export function cutDeafClients(scope: FastifyInstance): void {
  const unread = new Map<ServerResponse, number>()
  scope.addHook('onSend', async (_request, reply) => {
    unread.set(reply.raw, performance.now() + patienceMs)
    reply.raw.once('close', () => unread.delete(reply.raw))
  })
  const looking = setInterval(() => {
    const now = performance.now()
    for (const [response, until] of unread) {
      // They came in this order, so the first that has time left ends the look.
      if (until > now) return
      unread.delete(response)
      // Of requests in one go only the first one's answer has the socket; cut, it takes the others with it.
      response.req.socket.resetAndDestroy()
    }
  }, lookEveryMs)
  looking.unref()
  scope.addHook('onClose', async () => clearInterval(looking))
}
