import { randomBytes } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Operation, runOperation } from '../../ops/operation.ts'
import { tokenCreate, tokenList, tokenRevoke } from '../../ops/tokens.ts'
import { userDisable, userEnable, userLink, userList, userRemove, userRole, userSave } from '../../ops/users.ts'
import { type Fields, filled, goBack, press, pressForSecret } from './form-actions.ts'
import type { PageScope } from './page-scope.ts'
import { type PeopleFacts, peoplePage, type Secret } from './people-page.ts'

/** Users and tokens, for administrators. A link or a token is shown in the answer to the press that made it, and never again. */
export async function peopleRoutes(scope: FastifyInstance, options: { pages: PageScope }): Promise<void> {
  const { pages } = options
  const { app } = pages

  const show = async (request: FastifyRequest, reply: FastifyReply, secret: Secret | null, pressedBefore = false) => {
    const ask = async (operation: Operation) => await runOperation(app, operation, {}, pages.visitor(request))
    const [listed, held] = await Promise.all([ask(userList), ask(tokenList)])
    const view = await pages.view(request)
    const flash = pressedBefore ? { good: false, text: view.language.words.shownBefore } : view.flash
    const { users } = listed as Pick<PeopleFacts, 'users'>
    const { tokens } = held as Pick<PeopleFacts, 'tokens'>
    const key = randomBytes(12).toString('base64url')
    return pages.send(reply, peoplePage({ ...view, path: '/users', flash }, { users, tokens, secret, key }))
  }
  const linkOf = (request: FastifyRequest, made: unknown): Secret | null => {
    const { name, loginPath } = (made ?? {}) as { name?: string; loginPath?: string }
    if (name === undefined || loginPath === undefined) return null
    return { kind: 'link', of: name, text: `${request.protocol}://${request.host}${loginPath}` }
  }

  scope.get('/users', async (request, reply) => show(request, reply, null))
  scope.post<{ Body: Fields }>('/users', async (request, reply) => {
    const made = await pressForSecret(pages, request, userSave, filled(request.body, ['name', 'role']))
    return await show(request, reply, linkOf(request, made), made === null)
  })
  scope.post<{ Params: { id: string }; Body: Fields }>('/users/:id/link', async (request, reply) => {
    const reset = filled(request.body, ['reset'])['reset'] === 'true'
    const made = await pressForSecret(pages, request, userLink, { id: request.params.id, reset })
    return await show(request, reply, linkOf(request, made), made === null)
  })
  const change = (path: string, operation: Operation, names: readonly string[] = []) =>
    scope.post<{ Params: { id: string }; Body: Fields }>(path, async (request, reply) => {
      await press(pages, request, operation, { id: request.params.id, ...filled(request.body, names) })
      return goBack(reply, '/users', 'kept')
    })
  change('/users/:id/role', userRole, ['role'])
  change('/users/:id/disable', userDisable)
  change('/users/:id/enable', userEnable)
  change('/users/:id/remove', userRemove)
  change('/tokens/:id/revoke', tokenRevoke)

  scope.post<{ Body: Fields }>('/tokens', async (request, reply) => {
    const made = await pressForSecret(pages, request, tokenCreate, filled(request.body, ['name', 'role', 'days']))
    const { name, token } = (made ?? {}) as { name?: string; token?: string }
    const secret =
      name === undefined || token === undefined ? null : ({ kind: 'token', of: name, text: token } as const)
    return await show(request, reply, secret, made === null)
  })
}
