import { randomBytes } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { csvLine } from '../../csv.ts'
import { searchCalls } from '../../db/call-search.ts'
import { readSequence } from '../../db/changes.ts'
import { findPortal, listPortals } from '../../db/portals.ts'
import { listReviews } from '../../db/reviews.ts'
import { priceRerun } from '../../ops/call-again.ts'
import { CallFilterInput, type CallFilterInput as Filter, readFilter } from '../../ops/call-filter.ts'
import { callCount, callList, lineOf } from '../../ops/call-list.ts'
import { showCall } from '../../ops/call-show.ts'
import { readCauseList } from '../../ops/causes.ts'
import { costOf } from '../../ops/cost-of.ts'
import { RowId, runOperation } from '../../ops/operation.ts'
import { readRecentOverview } from '../../ops/overview.ts'
import { readGateList } from '../../ops/status.ts'
import { readOutputs } from './call-outputs.ts'
import { callPage } from './call-page.ts'
import { callRow } from './call-row.ts'
import { type CallsFacts, callsPage } from './calls-page.ts'
import { html } from './html.ts'
import type { PageScope } from './page-scope.ts'
import { callSteps } from './parts.ts'

const ListQuery = z.object({ ...CallFilterInput, cursor: RowId.optional() })
const mostCsvRows = 5_000

/** Empty fields of a form are no filter; a field that makes no sense is left out rather than refused: people edit addresses. */
export function readQuery(query: unknown): z.output<typeof ListQuery> {
  const given = Object.entries((query ?? {}) as Record<string, unknown>).filter(([, value]) => value !== '')
  const kept = given.filter(([name, value]) => {
    const shape = ListQuery.shape[name as keyof typeof ListQuery.shape]
    return shape?.safeParse(value).success === true
  })
  return ListQuery.parse(Object.fromEntries(kept))
}

/** The list of calls, its rows by id, the list as CSV, and one call. */
export async function callRoutes(scope: FastifyInstance, options: { pages: PageScope }): Promise<void> {
  const { pages } = options
  const { app } = pages

  scope.get('/', async (_request, reply) => reply.redirect('/calls', 303))
  scope.get('/calls', async (request, reply) => {
    const { cursor, ...filter } = readQuery(request.query)
    const visitor = pages.visitor(request)
    const ask = async <Answer>(operation: Parameters<typeof runOperation>[1], input: object) =>
      (await runOperation(app, operation, input, visitor)) as Answer
    // Where the changes stand is read before what they change: else what happens in between is told to nobody.
    const sequence = await readSequence(app.db)
    const readRows = async () => ({
      ...(await ask<{ calls: ReturnType<typeof lineOf>[]; nextCursor: string | null }>(callList, {
        ...filter,
        cursor,
      })),
      counts: await ask<CallsFacts['counts']>(callCount, filter),
      gates: await readGateList(app),
      portals: await listPortals(app.db),
      seen: await pages.view(request),
    })
    const readStanding = async () => ({ causes: await readCauseList(app), overview: await readRecentOverview(app) })
    // Two connections and no more: whoever looks at a page must not take all of them from the webhooks.
    const [{ seen, ...rows }, standing] = await Promise.all([readRows(), readStanding()])
    const view = { ...seen, sequence }
    const webhook = `${app.config.publicUrl ?? `${request.protocol}://${request.host}`}/webhooks/bitrix24`
    return pages.send(reply, callsPage(view, { filter, cursor, ...rows, ...standing, webhook }))
  })

  scope.get<{ Querystring: { ids?: string } }>('/calls/rows', async (request, reply) => {
    const ids = String(request.query.ids ?? '')
      .split(',')
      .filter((id) => RowId.safeParse(id).success)
      .slice(0, 100)
    const [view, found] = await Promise.all([
      pages.rowView(request),
      searchCalls(app.db, { ids, partOfPhone: false }, { limit: 100 }),
    ])
    const rows = found.map((call) => callRow(view, lineOf(app, pages.visitor(request), call)))
    return pages.send(reply, html`<!doctype html><title>rows</title><table><tbody>${rows}</tbody></table>`.markup)
  })

  scope.get('/calls.csv', async (request, reply) => {
    const text = await csvOf(app, readQuery(request.query), pages.visitor(request))
    return reply
      .headers({ 'content-disposition': 'attachment; filename="calls.csv"' })
      .type('text/csv; charset=utf-8')
      .send(text)
  })

  scope.get<{ Params: { id: string } }>('/calls/:id', async (request, reply) => {
    const view = await pages.view(request)
    const shown = await showCall(app, { call: request.params.id.slice(0, 300) }, pages.visitor(request))
    const [reviews, portal] = await Promise.all([
      listReviews(app.db, shown.call.id),
      findPortal(app.db, shown.call.portalId),
    ])
    const { plan, verdict } = readOutputs(shown)
    const tokens = verdict?.usage == null ? null : verdict.usage.promptTokens + verdict.usage.completionTokens
    const facts = {
      shown,
      reviews: reviews.filter((review) => review.generation === shown.run?.generation),
      domain: portal?.domain ?? null,
      costMicros: costOf(app, { heardSeconds: plan?.heardSeconds ?? null, tokens }),
      prices: Object.fromEntries(callSteps.map((name) => [name, priceRerun(app, name)])),
      key: randomBytes(12).toString('base64url'),
    }
    return pages.send(reply, callPage(view, facts), view.nonce)
  })

  scope.get<{ Params: { id: string } }>('/calls/:id/peaks', async (request) => {
    const shown = await showCall(app, { call: request.params.id.slice(0, 300) }, pages.visitor(request))
    return { peaks: readOutputs(shown).plan?.peaks ?? [] }
  })
}

async function csvOf(app: PageScope['app'], filter: Filter, caller: Parameters<typeof lineOf>[1]): Promise<string> {
  const heads = [
    'id',
    'taken_in',
    'portal',
    'state',
    'cause',
    'direction',
    'phone',
    'seconds',
    'entity_type',
    'entity',
    'quality',
    'score',
    'flags',
    'entry',
    'cost',
    'call_id',
  ]
  const found = await searchCalls(app.db, readFilter(filter, caller), { limit: mostCsvRows })
  const lines = found.map((one) => {
    const call = lineOf(app, caller, one)
    const cost = call.costMicros === null ? null : call.costMicros / 1_000_000
    return csvLine([
      Number(call.id),
      call.createdAt.toISOString(),
      call.portalId,
      call.state,
      call.class,
      call.direction,
      call.phone,
      call.durationSeconds,
      call.entityTypeId,
      call.entityId,
      call.quality,
      call.score,
      [...(call.doubtful ? ['needs_review'] : []), ...call.flags].join(' '),
      call.written,
      cost,
      call.callRef,
    ])
  })
  // The mark tells spreadsheets that it is UTF-8.
  return `\uFEFF${csvLine(heads)}${lines.join('')}`
}
