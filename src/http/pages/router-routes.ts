import type { FastifyInstance, FastifyRequest } from 'fastify'
import { csvLine } from '../../csv.ts'
import { mayAct, runOperation } from '../../ops/operation.ts'
import { routerKeyList, routerKeyRevoke, routerUsage } from '../../ops/router-keys.ts'
import type { PageScope } from './page-scope.ts'
import { routerPage, routerPeriods } from './router-page.ts'
import { RouterKeyList, RouterUsageFacts } from './router-usage.ts'

type Query = { Querystring: { days?: string } }

/** The AI Router's use and keys. */
export async function routerRoutes(scope: FastifyInstance, options: { pages: PageScope }): Promise<void> {
  const { pages } = options
  const { app } = pages
  const readUsage = async (request: FastifyRequest<Query>) => {
    const days = routerPeriods.find((one) => String(one) === request.query.days) ?? 30
    return RouterUsageFacts.parse(await runOperation(app, routerUsage, { days }, pages.visitor(request)))
  }

  scope.get<Query>('/router', async (request, reply) => {
    const caller = pages.visitor(request)
    const [view, usage, keys] = await Promise.all([
      pages.view(request),
      readUsage(request),
      mayAct(caller, routerKeyList.role) ? runOperation(app, routerKeyList, {}, caller) : null,
    ])
    return pages.send(reply, routerPage(view, { usage, keys: keys === null ? null : RouterKeyList.parse(keys).keys }))
  })

  scope.get<Query>('/router.csv', async (request, reply) => {
    const { rows, names, currency } = await readUsage(request)
    const heads = ['day', 'key', 'key_name', 'provider_key', 'model', 'requests', 'estimated', 'prompt_tokens']
    const lines = rows.map((row) =>
      csvLine([
        row.day,
        Number(row.keyId),
        names.keys[row.keyId] ?? null,
        names.credentials[row.credentialId] ?? row.credentialId,
        row.model,
        row.requests,
        row.estimated,
        row.promptTokens,
        row.completionTokens,
        row.audioMs / 1000,
        row.costMicros / 1_000_000,
        currency,
      ]),
    )
    return reply
      .headers({ 'content-disposition': 'attachment; filename="router-usage.csv"' })
      .type('text/csv; charset=utf-8')
      .send([csvLine([...heads, 'completion_tokens', 'audio_seconds', 'cost', 'currency']), ...lines].join(''))
  })

  scope.post<{ Params: { id: string } }>('/router/keys/:id/revoke', async (request, reply) => {
    await runOperation(app, routerKeyRevoke, { id: request.params.id }, pages.visitor(request))
    return reply.redirect('/router?did=router-key', 303)
  })
}
