import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { App } from '../../context.ts'
import { findOperation, operations } from '../../ops/index.ts'
import { type Caller, runOperation } from '../../ops/operation.ts'
import type { Auth } from '../auth.ts'
import type { ChangeHub } from '../change-hub.ts'
import { idempotent, readIdempotencyKey } from '../idempotent.ts'
import { Problem } from '../problem.ts'
import { type Endpoint, endpoints } from './endpoints.ts'
import { eventsRoute } from './events.ts'
import { openApi } from './openapi.ts'
import { submitRoute } from './submit.ts'

/** The API under /api/v1: every route needs a token, or a session of the pages. */
export async function apiRoutes(
  scope: FastifyInstance,
  options: { app: App; auth: Auth; hub: ChangeHub; onPortalChange(): void },
): Promise<void> {
  const { app, auth } = options
  const callers = new WeakMap<FastifyRequest, Caller>()
  scope.addHook('onRequest', async (request) => {
    callers.set(request, await auth.api(request))
  })
  const callerOf = (request: FastifyRequest): Caller => {
    const caller = callers.get(request)
    if (caller === undefined) throw new Error('a request came past the check of its token')
    return caller
  }

  await scope.register(submitRoute, { app, callerOf })
  await scope.register(eventsRoute, { auth, hub: options.hub })
  const description = openApi()
  scope.get('/api/openapi.json', async () => description)
  for (const endpoint of endpoints) addEndpoint(scope, endpoint, { app, callerOf })

  scope.get('/api/v1/ops', async () => ({
    operations: operations.map(({ name, summary, changes, role }) => ({ name, summary, changes, role })),
  }))
  scope.post<{ Params: { name: string } }>('/api/v1/ops/:name', async (request) => {
    const operation = findOperation(request.params.name)
    if (operation === undefined) {
      throw new Problem(
        404,
        'unknown_operation',
        `There is no operation ${request.params.name}.`,
        'GET /api/v1/ops lists them.',
      )
    }
    const answer = await runOperation(app, operation, request.body ?? {}, callerOf(request))
    if (operation.changes && operation.name.startsWith('portal.')) options.onPortalChange()
    return answer
  })
}

function addEndpoint(
  scope: FastifyInstance,
  endpoint: Endpoint,
  options: { app: App; callerOf(request: FastifyRequest): Caller },
): void {
  const { app, callerOf } = options
  const { method, operation, status } = endpoint
  const url = `/api/v1${endpoint.path.replace(/\{(\w+)\}/g, ':$1')}`
  const inputOf = (request: FastifyRequest) => {
    const given = method === 'GET' ? request.query : (request.body ?? {})
    if (typeof given !== 'object' || given === null || Array.isArray(given)) {
      throw new Problem(
        400,
        'invalid_input',
        'The body must be a JSON object.',
        'Send an object with the fields of the route.',
      )
    }
    return { ...given, ...(request.params as Record<string, string>) }
  }
  scope.route({
    method,
    url,
    handler: async (request, reply: FastifyReply) => {
      const caller = callerOf(request)
      const input = inputOf(request)
      if (method === 'GET') return await runOperation(app, operation, input, caller)
      const key = readIdempotencyKey(request.headers['idempotency-key'])
      const action = subjectOf(operation.name, request.params as Record<string, string>)
      const answer = await idempotent(app, { actor: caller.actor, action, key, body: input }, () =>
        runOperation(app, operation, input, caller),
      )
      return reply.code(status).send(answer)
    },
  })
}

/** Keys of requests about a call stand under the call, so that an erasure finds them. */
function subjectOf(name: string, params: Record<string, string>): string {
  return params['call'] === undefined ? `${name} ${params['class'] ?? ''}`.trim() : `call ${params['call']}`
}
