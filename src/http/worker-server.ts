import type { AddressInfo } from 'node:net'
import { type FastifyBaseLogger, fastify, LogController } from 'fastify'
import type { App } from '../context.ts'
import { createAuth } from './auth.ts'
import { createBadTokens } from './bad-tokens.ts'
import { healthRoutes } from './health.ts'
import { isLoopback } from './loopback.ts'
import { metricsRoutes } from './metrics.ts'
import { Problem, readProblem, sendProblem } from './problem.ts'
import { withoutJsonSchemas } from './without-json-schemas.ts'

/** What a process that only works answers: probes for its supervisor, figures for Prometheus, nothing else. */
export async function createWorkerServer(
  app: App,
  options: { host: string; port: number },
): Promise<{ url: string; close(): Promise<void> }> {
  const http = fastify({
    loggerInstance: app.log.child({ part: 'http' }) as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    trustProxy: false,
    schemaController: withoutJsonSchemas,
    bodyLimit: 1024,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    http: { headersTimeout: 10_000, maxHeaderSize: 16 * 1024 },
  })
  http.setNotFoundHandler((_request, reply) =>
    sendProblem(
      reply,
      new Problem(404, 'nothing_here', 'A worker has no pages.', 'Ask the address of `callsift serve`.'),
    ),
  )
  http.setErrorHandler((error, request, reply) => {
    const problem = readProblem(error)
    if (problem === null) request.log.error({ err: error }, 'a request failed in a way the program does not know')
    return sendProblem(
      reply,
      problem ?? new Problem(500, 'bug', 'The request failed.', 'Look at the log; please report it.'),
    )
  })
  const auth = createAuth(app, { badTokens: createBadTokens(Date.now), localToken: undefined })
  await http.register(healthRoutes, { app })
  await http.register(metricsRoutes, { app, auth, boundToLoopback: isLoopback(options.host) })
  await http.listen({ host: options.host, port: options.port })
  const { port } = http.server.address() as AddressInfo
  return {
    url: `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`,
    close: () => http.close(),
  }
}
