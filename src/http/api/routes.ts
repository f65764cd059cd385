import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { App } from '../../context.ts'
import { callList } from '../../ops/call-list.ts'
import { callShow } from '../../ops/call-show.ts'
import { deliveriesList } from '../../ops/deliveries-list.ts'
import { findOperation, operations } from '../../ops/index.ts'
import { type Caller, runOperation } from '../../ops/operation.ts'
import type { Auth } from '../auth.ts'
import { Problem } from '../problem.ts'
import { submitRoute } from './submit.ts'

/** The API under /api/v1: every route needs a token. */
export async function apiRoutes(
  scope: FastifyInstance,
  options: { app: App; auth: Auth; onPortalChange(): void },
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
  scope.get('/api/v1/calls', async (request) => await runOperation(app, callList, request.query, callerOf(request)))
  scope.get<{ Params: { id: string } }>(
    '/api/v1/calls/:id',
    async (request) => await runOperation(app, callShow, { call: request.params.id }, callerOf(request)),
  )
  scope.get(
    '/api/v1/deliveries',
    async (request) => await runOperation(app, deliveriesList, request.query, callerOf(request)),
  )
  scope.get('/api/v1/ops', async () => ({
    operations: operations.map(({ name, summary, changes }) => ({ name, summary, changes })),
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
