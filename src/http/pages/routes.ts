import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { App } from '../../context.ts'
import { listCalls } from '../../db/calls.ts'
import { showCall } from '../../ops/call-show.ts'
import { OperationError } from '../../ops/operation.ts'
import { readStatus } from '../../ops/status.ts'
import type { Auth } from '../auth.ts'
import { isLoopback, isLoopbackHost } from '../loopback.ts'
import { Problem } from '../problem.ts'
import { callPage } from './call-page.ts'
import { styleSheet } from './frame.ts'
import { statusPage } from './status-page.ts'
import { chooseLanguage } from './words.ts'

const policy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

function sendPage(reply: FastifyReply, page: string): FastifyReply {
  return reply
    .headers({ 'content-security-policy': policy, 'referrer-policy': 'no-referrer', vary: 'accept-language' })
    .type('text/html; charset=utf-8')
    .send(page)
}

/**
 * The pages for people. On a server that only this machine can reach they are open to it, under a loopback name (a page of
 * another name that resolves to us must not read them); everywhere else they need an API token by HTTP Basic. So they do where
 * the service has a public address: a proxy on this machine speaks for strangers.
 */
export async function pageRoutes(
  scope: FastifyInstance,
  options: { app: App; auth: Auth; boundToLoopback: boolean },
): Promise<void> {
  const { app, auth, boundToLoopback } = options
  const sandbox = app.config.mode !== 'live'
  const admit = async (request: FastifyRequest) => {
    const { headers } = request
    const direct =
      headers['x-forwarded-for'] === undefined && headers['forwarded'] === undefined && headers['via'] === undefined
    const local = boundToLoopback && app.config.publicUrl === undefined && direct
    if (local && isLoopback(request.ip) && isLoopbackHost(headers.host)) return
    await auth.page(request)
  }
  scope.get('/style.css', async (_request, reply) => reply.type('text/css; charset=utf-8').send(styleSheet))
  scope.get('/', { onRequest: admit }, async (request, reply) => {
    const [status, calls] = await Promise.all([readStatus(app), listCalls(app.db, { limit: 50 })])
    return sendPage(reply, statusPage(chooseLanguage(request.headers['accept-language']), status, calls))
  })
  scope.get<{ Params: { id: string } }>('/calls/:id', { onRequest: admit }, async (request, reply) => {
    try {
      const shown = await showCall(app, { call: request.params.id.slice(0, 300) })
      return sendPage(reply, callPage(chooseLanguage(request.headers['accept-language']), shown, sandbox))
    } catch (error) {
      if (error instanceof OperationError) throw new Problem(error.status, error.kind, error.message, error.hint ?? '')
      throw error
    }
  })
}
