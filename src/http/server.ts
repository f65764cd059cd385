import type { AddressInfo } from 'node:net'
import { type FastifyBaseLogger, type FastifyInstance, fastify, LogController } from 'fastify'
import type { App } from '../context.ts'
import { pruneDeliveries } from '../db/deliveries.ts'
import { pruneUploads } from '../db/uploads.ts'
import { createPortalDirectory } from '../intake/portal-directory.ts'
import { createReceiver } from '../intake/receive.ts'
import { uploadLimits } from '../ops/upload-limits.ts'
import { repeat } from '../repeat.ts'
import { urlHere } from '../url-here.ts'
import { apiRoutes } from './api/routes.ts'
import { createAuth } from './auth.ts'
import { createBadTokens } from './bad-tokens.ts'
import { createChangeHub } from './change-hub.ts'
import { answerClientError, resetIdle, routeExpectations } from './connection.ts'
import { healthRoutes } from './health.ts'
import { isLoopback } from './loopback.ts'
import { metricsRoutes } from './metrics.ts'
import { pageRoutes } from './pages/routes.ts'
import { Problem, readProblem, sendProblem } from './problem.ts'
import { webhookRoutes } from './webhooks.ts'
import { withoutJsonSchemas } from './without-json-schemas.ts'

export interface HttpServer {
  /** Where it listens, e.g. `http://127.0.0.1:8787`. */
  readonly url: string
  readonly port: number
  /** Takes nothing new, lets what is under way end, and waits for the intake to commit. */
  close(): Promise<void>
}

export interface HttpOptions {
  readonly host: string
  /** 0 = any free one. */
  readonly port: number
  /** Full rights for callers on this machine: how the program's own verbs talk to it. */
  readonly localToken?: string | undefined
  readonly now?: (() => number) | undefined
}

/** After this long in `close`, connections that still talk are cut. */
const closeMs = 10_000
const tidyEveryMs = 15 * 60_000
/** Of each portal; ignored and refused deliveries are for looking into, not for the record. */
const keptDeliveries = 1_000
/** What `0`, never, is to a sweep that goes by age. */
const forEverDays = 36_500

/** Everything the program answers over HTTP: webhooks, API, health, pages. */
export async function createHttpServer(app: App, options: HttpOptions): Promise<HttpServer> {
  const now = options.now ?? Date.now
  const http = fastify({
    loggerInstance: app.log.child({ part: 'http' }) as FastifyBaseLogger,
    // Addresses hold robots' secrets: requests are logged below, by their route's pattern.
    logController: new LogController({ disableRequestLogging: true }),
    // Whoever else says for whom they speak is not believed.
    trustProxy: app.config.trustProxy.length > 0 ? [...app.config.trustProxy] : false,
    schemaController: withoutJsonSchemas,
    bodyLimit: 256 * 1024,
    connectionTimeout: 5 * 60_000,
    requestTimeout: 15 * 60_000,
    keepAliveTimeout: 10_000,
    maxRequestsPerSocket: 1_000,
    forceCloseConnections: 'idle',
    exposeHeadRoutes: false,
    clientErrorHandler: answerClientError,
    // Hooks don't run for an address that cannot be decoded.
    frameworkErrors: (_error, _request, reply) =>
      void sendProblem(reply.header('connection', 'close') as never, nothingHere()),
    routerOptions: { maxParamLength: 300 },
    http: { headersTimeout: 10_000, connectionsCheckingInterval: 1_000, maxHeaderSize: 16 * 1024 },
  })
  http.server.on('timeout', resetIdle)
  routeExpectations(http, uploadLimits(app.config, app.connection.kind).maxBytes)
  setCommon(http, app)
  const requests = countRequests(http)

  const badTokens = createBadTokens(now)
  const auth = createAuth(app, { badTokens, localToken: options.localToken })
  const hub = createChangeHub(app)
  const directory = createPortalDirectory(app.db)
  const receiver = createReceiver({
    db: app.db,
    config: app.config,
    intake: app.intake,
    directory,
    kick: () => app.engine.kick(),
    now,
  })
  await http.register(webhookRoutes, { receiver, badTokens, onDelivery: app.meters.delivery })
  await http.register(apiRoutes, { app, auth, hub, onPortalChange: directory.forget })
  await http.register(healthRoutes, { app })
  await http.register(metricsRoutes, { app, auth, boundToLoopback: isLoopback(options.host) })
  await http.register(pageRoutes, { app, auth, now })

  const tidying = repeat('tidying what came in', tidyEveryMs, app.log, async () => {
    const days = app.config.keepDays.deliveries
    await pruneDeliveries(app.db, { keep: keptDeliveries, maxDays: days === 0 ? forEverDays : days })
    await pruneUploads(app.db)
  })
  await http.listen({ host: options.host, port: options.port })
  const { port } = http.server.address() as AddressInfo
  return {
    url: urlHere(options.host, port),
    port,
    close: async () => {
      const startedAt = performance.now()
      // A connection that has not said anything yet counts as busy for Node: what is cut are connections without a request.
      const cutting = setInterval(() => {
        if (requests.underWay === 0 || performance.now() - startedAt > closeMs) http.server.closeAllConnections()
      }, 20)
      await http.close().finally(() => clearInterval(cutting))
      await tidying.stop()
      await app.intake.drain()
    },
  }
}

const nothingHere = () =>
  new Problem(
    404,
    'nothing_here',
    'There is nothing at this address.',
    'GET /api/v1/ops lists the operations; docs/api.md has every route.',
  )

function countRequests(http: FastifyInstance): { underWay: number } {
  const requests = { underWay: 0 }
  http.addHook('onRequest', async (_request, reply) => {
    requests.underWay += 1
    reply.raw.once('close', () => {
      requests.underWay -= 1
    })
  })
  return requests
}

function setCommon(http: FastifyInstance, app: App): void {
  const sandbox = app.config.mode !== 'live'
  http.addHook('onRequest', async (_request, reply) => {
    reply.header('x-content-type-options', 'nosniff').header('cache-control', 'no-store')
    if (sandbox) reply.header('x-callsift-mode', 'SANDBOX')
  })
  http.addHook('onSend', async (_request, reply) => {
    // Nothing is known of the rest of a request that went wrong: it must not be read as the next one.
    if (reply.statusCode >= 400) reply.header('connection', 'close')
  })
  http.addHook('onResponse', async (request, reply) => {
    const facts = {
      method: request.method,
      route: request.routeOptions.url ?? '(none)',
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime),
    }
    request.log.debug(facts, 'answered')
  })
  http.setNotFoundHandler((_request, reply) => sendProblem(reply, nothingHere()))
  http.setErrorHandler((error, request, reply) => {
    const problem = readProblem(error)
    if (problem !== null) return sendProblem(reply, problem)
    request.log.error(
      { err: error, route: request.routeOptions.url },
      'a request failed in a way the program does not know',
    )
    return sendProblem(
      reply,
      new Problem(
        500,
        'bug',
        'The request failed in a way the program does not know.',
        'Look at the log; please report it.',
      ),
    )
  })
}
