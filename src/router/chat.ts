import { ask } from './ask.ts'
import { readChatRequest } from './chat-request.ts'
import type { Exchange, Kit } from './exchange.ts'
import { isPublicLink } from './is-public-link.ts'
import { readJson } from './read-json.ts'
import { relayStream } from './relay-stream.ts'
import { relayWhole } from './relay-whole.ts'

/** `POST /v1/chat/completions`: whole, or as a stream. */
export async function chat(kit: Kit, exchange: Exchange): Promise<void> {
  const body = await readJson(exchange.request, kit.maxBodyBytes)
  const wanted = await readChatRequest(body, (link) => isPublicLink(link, kit))
  const tenant = await kit.tenants.read(exchange.key.tenant)
  const { targets, headers } = kit.models.resolve(tenant, body['model'], 'chat')
  const [first] = targets
  if (first === undefined) throw new Error('a model without a target was resolved')
  const most = { promptTokens: wanted.promptTokens, completionTokens: wanted.mostTokens, audioMs: 0 }
  const hold = await kit.meter.hold(exchange.key, first.price, most)
  try {
    const answer = await ask(kit.asking, targets, {
      path: '/chat/completions',
      signal: exchange.signal,
      headersTimeoutMs: kit.windows.chatMs,
      idleTimeoutMs: kit.windows.idleMs,
      body: (target) => ({
        headers: {
          'content-type': 'application/json',
          accept: wanted.stream ? 'text/event-stream' : 'application/json',
        },
        body: JSON.stringify({
          model: target.upstreamModel,
          ...wanted.fields,
          // Asked for always: what is not told cannot be counted.
          ...(wanted.stream ? { stream: true, stream_options: { ...wanted.streamOptions, include_usage: true } } : {}),
        }),
      }),
    })
    const relay = wanted.stream ? relayStream : relayWhole
    hold.settle([await relay({ kit, exchange, wanted, answer, headers })])
  } catch (error) {
    hold.settle([])
    throw error
  }
}
