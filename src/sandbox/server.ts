import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { presentedKey, recaseCodes, refuseKey, refuseScope, sharedFail } from './access.ts'
import { breakLoop, noteOutcome } from './error-loop.ts'
import { faultBefore, sendWithFault } from './fault-answers.ts'
import type { Fault } from './faults.ts'
import type { RateState } from './limits.ts'
import type { ApiKey } from './portal.ts'
import { aiFail, fail, type Reply } from './reply.ts'
import { signedDownload } from './routes/files.ts'
import type { Match, Routing } from './routing.ts'
import type { RequestRecord } from './truth.ts'
import { delay, finished, readBody, sendReply, TooLarge } from './wire.ts'
import type { Context, World } from './world.ts'

const maxJsonBytes = 4 * 1024 * 1024

/** One request of the API from its head to its answer: key, scope, limits, the portal's queue, faults, then the route itself. */
export class ApiServer {
  readonly #world: World
  readonly #routing: Routing

  constructor(world: World, routing: Routing) {
    this.#world = world
    this.#routing = routing
  }

  async handle(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const world = this.#world
    const startedAt = world.now()
    const requestId = `sandbox-${randomUUID()}`
    const method = request.method ?? 'GET'
    const signed = url.pathname === '/rest/download.json'
    const path = signed ? url.pathname : url.pathname.slice('/v1'.length)
    const match = signed ? undefined : this.#routing.find(method, path)
    const value = presentedKey(request)
    const key = value === undefined ? undefined : world.keys.get(value)
    const portal = signed ? world.openSigned(url.searchParams.get('token') ?? '')?.portal : key?.portal
    const route = signed ? 'download' : (match?.route.name ?? 'none')
    const family = signed ? 'download' : (match?.route.family ?? 'platform')
    const record = world.truth.request({
      at: startedAt,
      portal: portal?.name ?? null,
      key: key?.value ?? null,
      family,
      route,
      method,
      path: url.pathname,
      requestId,
    })
    const headers: Record<string, string> = { 'x-sandbox': 'callsift', 'x-request-id': requestId }
    try {
      if (signed) {
        const fault = world.faults.meet({ route, method, path: url.pathname, portal: portal?.name ?? null })
        await this.#answer(request, response, headers, record, fault, undefined, () =>
          signedDownload(world, url.searchParams.get('token') ?? '', request.headers.range),
        )
      } else await this.#api(request, response, url, headers, record, match, key, value)
    } catch (error) {
      const status = error instanceof TooLarge ? 413 : 500
      if (status === 500) world.log.error({ err: error, requestId, route }, 'the sandbox failed to answer')
      const message = error instanceof Error ? error.message : String(error)
      sendReply(response, fail(status, status === 413 ? 'PAYLOAD_TOO_LARGE' : 'INTERNAL_ERROR', message), headers)
      record.status = status
    }
    record.ms = world.now() - startedAt
  }

  async #api(
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
    headers: Record<string, string>,
    record: RequestRecord,
    match: Match | undefined,
    key: ApiKey | undefined,
    value: string | undefined,
  ): Promise<void> {
    const world = this.#world
    const route = match?.route
    const send = (reply: Reply) => {
      record.status = reply.status
      sendReply(response, key ? recaseCodes(reply, key.portal.switches.codeCase) : reply, headers)
      request.resume()
    }
    const refusal = refuseKey(world, route, value)
    if (refusal || !key)
      return send(refusal ?? fail(401, 'INVALID_API_KEY', 'The key does not exist or has been revoked'))
    const rate = world.window(key.value).take(world.now(), world.limits)
    const { switches } = key.portal
    if (!rate.allowed || switches.rateHeaders === 'always')
      Object.assign(headers, rateHeaders(rate, rate.allowed ? 'delta' : switches.resetForm, world.now()))
    if (!rate.allowed) {
      world.truth.counters.refused429 += 1
      world.truth.refused(key.value, record.family, world.now(), rate.resetSeconds * 1000)
      return send(sharedFail(route, key, 429, switches.rateLimitCode, 'Too many requests', rate.resetSeconds))
    }
    if (!match || !route) return send(fail(404, 'NOT_FOUND', `Route ${record.method} ${record.path} not found`))
    const noScope = refuseScope(route, key)
    if (noScope) return send(noScope)
    const body = route.stream ? undefined : await readJson(request)
    if (body instanceof SyntaxError)
      return send(
        route.openai
          ? aiFail(400, 'invalid_request', 'The body is not JSON')
          : fail(400, 'INVALID_REQUEST', 'The body is not JSON'),
      )
    const loop = breakLoop(world, key, record.method, url, body)
    if (loop) return send(loop)
    const release =
      route.family === 'portal' ? await world.queues.get(key.portal.name)?.enter(world.limits) : () => undefined
    if (!release) {
      world.truth.counters.queueTimeouts += 1
      const hint = 'At most two requests of a portal run at once'
      return send(
        fail(504, 'QUEUE_TIMEOUT', 'The request waited too long in the queue of the portal', {
          retryAfter: 10,
          userMessage: 'Try again later',
          hint,
        }),
      )
    }
    // The client may have given up in the queue; its request is then never carried out, as at the service.
    if (response.destroyed) return release()
    const { portal } = key
    const context: Context = {
      world,
      portal,
      key,
      params: match.params,
      query: url.searchParams,
      body,
      request,
      requestId: record.requestId,
      now: world.now(),
      effect: (kind, detail) => {
        world.truth.effect({
          at: world.now(),
          portal: portal.name,
          key: key.value,
          requestId: record.requestId,
          kind,
          detail,
        })
      },
    }
    const fault = world.faults.meet({
      route: route.name,
      method: record.method,
      path: record.path,
      portal: portal.name,
    })
    try {
      await this.#answer(request, response, headers, record, fault, key, async () => {
        const reply = recaseCodes(await route.run(context), switches.codeCase)
        noteOutcome(world, key, record.method, url, body, reply.status)
        return reply
      })
    } finally {
      release()
    }
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
    headers: Record<string, string>,
    record: RequestRecord,
    fault: Fault | undefined,
    key: ApiKey | undefined,
    run: () => Reply | Promise<Reply>,
  ): Promise<void> {
    const world = this.#world
    const openai = record.family === 'ai' && record.route !== 'ai.usage'
    await delay(world.latencyMs)
    if (!fault) {
      const reply = await run()
      record.status = reply.status
      sendReply(response, reply, headers)
      request.resume()
      return
    }
    record.fault = fault.kind
    world.truth.counters.faults += 1
    const early = await faultBefore(world, fault, {
      openai,
      run,
      stream: record.route.endsWith('transcription') && openai,
    })
    if (early?.status === 429 && key) {
      const seconds = Number(early.headers?.['x-ratelimit-reset'] ?? early.headers?.['retry-after'] ?? 0)
      if (seconds > 0 && seconds < 1e9) world.truth.refused(key.value, record.family, world.now(), seconds * 1000)
      world.truth.counters.refused429 += 1
    }
    const reply = early ?? (await run())
    record.status = await sendWithFault(response, fault, reply, headers, { openai, applied: early === undefined })
    request.resume()
    await finished(response)
  }
}

function rateHeaders(rate: RateState, form: 'delta' | 'epoch' | 'none', now: number): Record<string, string> {
  const reset = form === 'epoch' ? Math.floor(now / 1000) + rate.resetSeconds : rate.resetSeconds
  return {
    'x-ratelimit-limit': String(rate.limit),
    'x-ratelimit-remaining': String(rate.remaining),
    ...(form === 'none' ? {} : { 'x-ratelimit-reset': String(reset) }),
  }
}

/** The parsed body; `undefined` for none, the SyntaxError itself where it is no JSON. */
async function readJson(request: IncomingMessage): Promise<unknown> {
  const bytes = await readBody(request, maxJsonBytes)
  if (bytes.length === 0) return undefined
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch (error) {
    return error instanceof SyntaxError ? error : new SyntaxError(String(error))
  }
}
