import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Network } from '../audio/guarded-connect.ts'
import { systemNetwork } from '../audio/guarded-connect.ts'
import { startAudit } from '../db/audit.ts'
import type { Database } from '../db/connect.ts'
import { type RouterCredential, setCredentialState } from '../db/router-credentials.ts'
import { openKeyDigest } from '../db/router-keys.ts'
import type { Log } from '../log.ts'
import type { Sealer } from '../seal.ts'
import { urlHere } from '../url-here.ts'
import { createKeys } from './authenticate.ts'
import { createCooling } from './cooling.ts'
import { type Envelope, errorBody } from './envelope.ts'
import { type Kit, sendJson, type Windows } from './exchange.ts'
import { findRoute } from './find-route.ts'
import { forward, portalScope } from './forward.ts'
import { createMeter } from './meter.ts'
import { createModels } from './models.ts'
import { createPace } from './pace.ts'
import { RouterError } from './router-error.ts'
import type { RouterSettings } from './settings.ts'
import { createTenants } from './tenants.ts'
import { createUpstreams } from './upstreams.ts'

export interface RouterOptions {
  readonly db: Database
  readonly sealer: Sealer
  readonly log: Log
  readonly settings: RouterSettings
  readonly host: string
  /** 0 = any free one. */
  readonly port: number
  /** Where uploads stand while they are sent on. */
  readonly tempRoot: string
  /** `host:port` that Custom base URLs may name although they are private. */
  readonly allowHosts?: readonly string[]
  readonly maxAudioBytes?: number
  readonly windows?: Partial<Windows>
  /** Nothing here is real: every answer says so. */
  readonly sandbox?: boolean
  readonly now?: () => number
  readonly network?: Network
}

export interface Router {
  /** `http://host:port` as it is bound; the API is under /v1. */
  readonly url: string
  readonly port: number
  /** Writes what is counted. */
  flush(): Promise<void>
  /** Takes nothing new, lets what is under way end for `drainMs`, writes what is counted. */
  close(drainMs?: number): Promise<void>
}

const minutes = 60_000
const usualWindows: Windows = { chatMs: 3 * minutes, speechMs: 15 * minutes, idleMs: 2 * minutes, checkMs: 15_000 }
const mebibyte = 1024 * 1024
/** A sender that is cut off while it writes never reads why. */
const lingerMs = 500
const passedOn = new Set(['GET', 'POST', 'PATCH', 'PUT', 'DELETE'])

/** The AI Router: one OpenAI-compatible API over many providers, on a port of its own. */
export async function startRouter(options: RouterOptions): Promise<Router> {
  const now = options.now ?? Date.now
  const { db, log, sealer, settings } = options
  const network = options.network ?? systemNetwork
  const allowHosts = options.allowHosts ?? []
  const upstreams = createUpstreams(network, allowHosts)
  const tenants = createTenants(db, now)
  const keys = createKeys(db, await openKeyDigest(db, sealer), now)
  const pace = createPace(now)
  const meter = createMeter(db, log, now)
  const kit: Kit = {
    db,
    log,
    sealer,
    settings,
    network,
    allowHosts,
    tempRoot: options.tempRoot,
    maxAudioBytes: options.maxAudioBytes ?? 150 * mebibyte,
    maxBodyBytes: 16 * mebibyte,
    windows: { ...usualWindows, ...options.windows },
    now,
    models: createModels(settings, sealer, (credential) => void noteUnreadable(db, log, credential)),
    tenants,
    meter,
    asking: {
      upstreams,
      cooling: createCooling(now),
      now,
      onRefused: (target) => {
        if (!target.credential) return void log.warn({ upstream: target.source }, 'an upstream refuses its key')
        setCredentialState(db, target.source, 'invalid').catch((error: unknown) =>
          log.warn({ error: String(error) }, 'a refused credential could not be noted'),
        )
      },
    },
  }

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const gone = new AbortController()
    response.once('close', () => {
      if (!response.writableFinished) gone.abort(new Error('the client is gone'))
    })
    response.setHeader('x-request-id', randomUUID())
    response.setHeader('cache-control', 'no-store')
    response.setHeader('x-content-type-options', 'nosniff')
    if (options.sandbox === true) response.setHeader('x-callsift-mode', 'SANDBOX')
    const [path = '', query = ''] = (request.url ?? '').split('?', 2)
    let envelope: Envelope = path.startsWith('/v1/ai/') ? 'v1' : 'openai'
    try {
      if (path === '/livez' && request.method === 'GET') return sendJson(response, 200, { alive: true })
      const exchange = async (scope: string, params: Readonly<Record<string, string>>) => {
        const key = await keys.authenticate(request.headers, scope)
        for (const [name, value] of Object.entries(pace.admit(key))) response.setHeader(name, value)
        return { request, response, key, query: new URLSearchParams(query), params, signal: gone.signal }
      }
      const found = findRoute(request.method ?? '', path)
      if (!('route' in found)) {
        const forwarded = settings.behind !== undefined && path.startsWith('/v1/') && found.allowed.length === 0
        if (!forwarded || !passedOn.has(request.method ?? '')) throw noRoute(found.allowed)
        envelope = 'v1'
        return await forward(kit, await exchange(portalScope, {}), request.url ?? '')
      }
      const { route, params } = found
      envelope = route.envelope
      if (route.canonical !== undefined) {
        response.setHeader('deprecation', 'true')
        const canonical = route.canonical.replace('*', params['rest'] ?? '')
        response.setHeader('x-deprecated-use', canonical.replaceAll(/[^\x21-\x7e]/g, '?'))
      }
      await route.run(kit, await exchange('vibe:ai', params))
    } catch (error) {
      if (gone.signal.aborted) return void response.destroy()
      refuse(error, envelope, request, response)
    }
  }

  const refuse = (error: unknown, envelope: Envelope, request: IncomingMessage, response: ServerResponse): void => {
    if (!(error instanceof RouterError)) log.error({ err: error }, 'a request failed in a way the router does not know')
    if (response.headersSent) return void response.destroy()
    const known =
      error instanceof RouterError ? error : new RouterError('INTERNAL_ERROR', 'The router failed; send it again.')
    // Nothing is known of the rest of a request that went wrong: it must not be read as the next one.
    const unread = !request.complete
    if (unread) request.resume()
    sendJson(response, known.status, errorBody(known, envelope), {
      ...known.headers,
      ...(unread ? { connection: 'close' } : {}),
    })
    if (unread) setTimeout(() => request.destroy(), lingerMs).unref()
  }

  const server = createServer(
    {
      requestTimeout: kit.windows.speechMs + 5 * minutes,
      headersTimeout: 10_000,
      keepAliveTimeout: 30_000,
      connectionsCheckingInterval: 1_000,
      maxHeaderSize: 16 * 1024,
      noDelay: true,
    },
    (request, response) => void answer(request, response),
  )
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const { port } = server.address() as AddressInfo
  return {
    url: urlHere(options.host, port),
    port,
    flush: meter.flush,
    close: async (drainMs = 0) => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeIdleConnections()
      const cutting = setTimeout(() => server.closeAllConnections(), drainMs)
      await closed
      clearTimeout(cutting)
      await upstreams.close()
      await meter.close()
    },
  }
}

function noRoute(allowed: readonly string[]): RouterError {
  if (allowed.length === 0) return new RouterError('not_found', 'There is nothing at this address.')
  return new RouterError('invalid_request', `This address takes ${allowed.join(', ')}.`, {
    status: 405,
    headers: { allow: allowed.join(', ') },
  })
}

/** A sealed key that does not open was changed, moved, or sealed with another secret: an operator's matter. */
async function noteUnreadable(db: Database, log: Log, credential: RouterCredential): Promise<void> {
  log.error({ credential: credential.id, tenant: credential.tenant }, "a provider's sealed key does not open")
  const entry = { actor: 'router', action: 'credential.unreadable', subject: `credential ${credential.id}` }
  await startAudit(db, entry).catch((error: unknown) => log.warn({ error: String(error) }, 'an audit row failed'))
}
