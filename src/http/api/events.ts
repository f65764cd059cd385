import type { ServerResponse } from 'node:http'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Auth } from '../auth.ts'
import type { ChangeEvent, ChangeHub } from '../change-hub.ts'
import { Problem } from '../problem.ts'

const pingMs = 15_000
const mostStreams = 200
/** A reader this far behind has stopped reading. */
const mostUnreadBytes = 256 * 1024

/** `GET /api/v1/events`: ids of what changes, as Server-Sent Events. Ends with the session, or when the server stops. */
export async function eventsRoute(scope: FastifyInstance, options: { auth: Auth; hub: ChangeHub }): Promise<void> {
  const { auth, hub } = options
  const streams = new Set<ServerResponse>()
  // Before the server waits for what is under way: a stream never ends by itself.
  scope.addHook('preClose', async () => {
    for (const stream of streams) stream.end()
    await hub.stop()
  })

  scope.get('/api/v1/events', async (request, reply) => {
    if (streams.size >= mostStreams) {
      throw new Problem(
        503,
        'too_many_watchers',
        'Too many pages are watching.',
        'Ask again later, or reload by hand.',
        {
          'retry-after': '30',
        },
      )
    }
    const { since } = request.query as { since?: string | string[] }
    const first = await firstWords(hub, request.headers['last-event-id'] ?? since)
    reply.hijack()
    const stream = reply.raw
    stream.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store, no-transform',
      // nginx would keep events back until it has a buffer full.
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
    })
    stream.write(`retry: 2000\n\n${first}`)
    streams.add(stream)
    const stopWatching = hub.watch((event) => {
      if (stream.writableLength > mostUnreadBytes) stream.destroy()
      else stream.write(tell(event))
    })
    const pinging = setInterval(() => void ping(auth, request, stream), pingMs)
    stream.once('close', () => {
      clearInterval(pinging)
      stopWatching()
      streams.delete(stream)
    })
  })
}

/** Also looks whether whoever watches still may. */
async function ping(auth: Auth, request: FastifyRequest, stream: ServerResponse): Promise<void> {
  try {
    await auth.api(request)
    stream.write(': ping\n\n')
  } catch {
    stream.end()
  }
}

async function firstWords(hub: ChangeHub, lastSeen: string | string[] | undefined): Promise<string> {
  if (typeof lastSeen === 'string' && /^\d{1,18}$/.test(lastSeen)) {
    const missed = await hub.since(lastSeen)
    return missed === null ? `id: ${await hub.now()}\nevent: reload\ndata: {}\n\n` : tell(missed)
  }
  return `id: ${await hub.now()}\nevent: hello\ndata: {}\n\n`
}

function tell(event: ChangeEvent): string {
  const calls = event.calls.length === 0 ? '' : `event: calls\ndata: ${JSON.stringify({ ids: event.calls })}\n\n`
  const bulks = event.bulks.map((bulk) => `event: bulk\ndata: ${JSON.stringify(bulk)}\n\n`).join('')
  return `id: ${event.sequence}\n${calls}${bulks === '' && calls === '' ? '\n' : bulks}`
}
