import type { ServerResponse } from 'node:http'
import type { Fault } from './faults.ts'
import { aiFail, fail, type Reply } from './reply.ts'
import { delay, renderBody, sendReply } from './wire.ts'
import type { World } from './world.ts'

interface Around {
  readonly openai: boolean
  readonly run: () => Reply | Promise<Reply>
  readonly stream: boolean
}

const codes: Record<number, [v1: string, openai: string]> = {
  400: ['INVALID_REQUEST', 'invalid_request'],
  401: ['INVALID_API_KEY', 'invalid_api_key'],
  402: ['BILLING_EXHAUSTED', 'insufficient_balance'],
  403: ['ACCESS_DENIED', 'scope_missing'],
  404: ['ENTITY_NOT_FOUND', 'ai_model_not_found'],
  422: ['BITRIX_ERROR', 'credential_invalid'],
  429: ['RATE_LIMIT_EXCEEDED', 'rate_limit_exceeded'],
  500: ['INTERNAL_ERROR', 'internal_error'],
  502: ['BITRIX_UNAVAILABLE', 'ai_provider_unavailable'],
  503: ['SERVICE_UNAVAILABLE', 'model_unavailable'],
  504: ['QUEUE_TIMEOUT', 'ai_provider_timeout'],
}

/** An error answer as the route's family words it; on 429 the code is the shared layer's, in V1 form unless asked otherwise. */
function errorReply(fault: Fault, status: number, openai: boolean, doubt = false): Reply {
  const raw = fault.envelope === undefined ? openai && status !== 429 && status !== 401 : fault.envelope === 'openai'
  const known = codes[status]?.[raw ? 1 : 0] ?? 'INTERNAL_ERROR'
  // QUEUE_TIMEOUT says that nothing was done; after something was, the gateway's own 504 is answered.
  const code = fault.code ?? (doubt && status === 504 && !raw ? 'GATEWAY_TIMEOUT' : known)
  const message = fault.message ?? `SANDBOX fault ${fault.id}: ${fault.kind}`
  const extra = fault.retryAfter === undefined ? {} : { retryAfter: fault.retryAfter }
  const reply = raw ? aiFail(status, code, message) : fail(status, code, message, extra)
  const waits: Record<string, string> = {}
  if (fault.retryAfter !== undefined) {
    waits['retry-after'] = String(fault.retryAfter)
    if (status === 429) waits['x-ratelimit-reset'] = String(fault.retryAfter)
  }
  return { ...reply, headers: { ...waits, ...fault.headers } }
}

/** What the fault does before the request is carried out; an answer means that it never is (or only later). */
export async function faultBefore(world: World, fault: Fault, around: Around): Promise<Reply | undefined> {
  switch (fault.kind) {
    case 'status':
      return errorReply(fault, fault.status ?? 429, around.openai)
    case 'before':
      return errorReply(fault, fault.status ?? 502, around.openai)
    case 'slow':
      await delay(fault.delayMs ?? 1000)
      return undefined
    case 'body':
      return {
        status: fault.status ?? 200,
        bytes: Buffer.from(fault.body ?? ''),
        contentType: fault.contentType ?? 'application/json',
        headers: fault.headers ?? {},
      }
    case 'html': {
      const html = '<!doctype html><html><head><title>SANDBOX</title></head><body><h1>Service page</h1></body></html>'
      return { status: fault.status ?? 200, bytes: Buffer.from(html), contentType: 'text/html; charset=utf-8' }
    }
    case 'hang':
    case 'reset':
      return { status: 0 }
    case 'appliedLate': {
      // An upload cannot be kept back: its bytes would be gone by then.
      if (around.stream) {
        await around.run()
        return errorReply(fault, fault.status ?? 504, around.openai, true)
      }
      const timer = setTimeout(() => {
        Promise.resolve()
          .then(around.run)
          .catch((error: unknown) => world.log.error({ err: error }, 'a late request could not be applied'))
      }, fault.delayMs ?? 1000)
      timer.unref()
      return errorReply(fault, fault.status ?? 504, around.openai, true)
    }
    default:
      return undefined
  }
}

interface Sent {
  readonly openai: boolean
  /** The request was carried out, whatever its sender will hear of it. */
  readonly applied: boolean
}

/** Puts the answer on the wire as the fault wants it; tells the status that the sender saw, 0 for none. */
export async function sendWithFault(
  response: ServerResponse,
  fault: Fault,
  reply: Reply,
  headers: Record<string, string>,
  sent: Sent,
): Promise<number> {
  switch (fault.kind) {
    case 'reset':
      response.socket?.resetAndDestroy()
      return 0
    case 'hang':
      if (fault.delayMs !== undefined) setTimeout(() => response.destroy(), fault.delayMs).unref()
      return 0
    case 'after':
      return sendAfter(response, fault, reply, headers, sent)
    case 'badJson':
      return sendText(response, reply, headers, "{'success': true, data: ")
    case 'empty':
      return sendText(response, reply, headers, '')
    case 'truncated':
      return sendHalf(response, reply, headers)
    case 'drip':
      return drip(response, fault, reply, headers)
    default:
      sendReply(response, reply, headers)
      return reply.status
  }
}

function sendAfter(
  response: ServerResponse,
  fault: Fault,
  reply: Reply,
  headers: Record<string, string>,
  sent: Sent,
): number {
  // A refusal was not applied, so there is nothing to lie about.
  if (!sent.applied || reply.status >= 400) {
    sendReply(response, reply, headers)
    return reply.status
  }
  if (fault.how === 'reset') {
    response.socket?.resetAndDestroy()
    return 0
  }
  if (fault.how === 'lost') return 0
  if (fault.how === 'truncated') return sendHalf(response, reply, headers)
  const failure = errorReply(fault, fault.status ?? 502, sent.openai, true)
  sendReply(response, failure, headers)
  return failure.status
}

function sendText(response: ServerResponse, reply: Reply, headers: Record<string, string>, text: string): number {
  sendReply(
    response,
    { status: reply.status === 204 ? 200 : reply.status, bytes: Buffer.from(text), contentType: 'application/json' },
    headers,
  )
  return reply.status
}

/** Announces the whole body, sends half of it and breaks the connection. */
function sendHalf(response: ServerResponse, reply: Reply, headers: Record<string, string>): number {
  const { body, contentType } = renderBody(reply)
  const all = body ?? Buffer.from('{}')
  response.writeHead(reply.status, {
    ...headers,
    ...reply.headers,
    'content-type': contentType ?? 'application/json',
    'content-length': all.length,
  })
  response.write(all.subarray(0, Math.floor(all.length / 2)), () => response.destroy())
  return reply.status
}

async function drip(
  response: ServerResponse,
  fault: Fault,
  reply: Reply,
  headers: Record<string, string>,
): Promise<number> {
  const { body, contentType } = renderBody(reply)
  const all = body ?? Buffer.alloc(0)
  response.writeHead(reply.status, {
    ...headers,
    ...reply.headers,
    'content-type': contentType ?? 'application/json',
    'content-length': all.length,
  })
  const rate = fault.bytesPerSecond ?? 1
  const step = Math.max(1, Math.round(rate / 10))
  for (let at = 0; at < all.length && !response.destroyed; at += step) {
    response.write(all.subarray(at, at + step))
    await delay((step / rate) * 1000)
  }
  response.end()
  return reply.status
}
