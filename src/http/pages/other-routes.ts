import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { readBulkRetries } from '../../db/bulk-retries.ts'
import { listDeliveries } from '../../db/deliveries.ts'
import { listDrafts } from '../../db/drafts.ts'
import { listPortals } from '../../db/portals.ts'
import { closeSession } from '../../db/sessions.ts'
import { findPassword, setPassword } from '../../db/users.ts'
import { batchList } from '../../ops/batches.ts'
import { botList } from '../../ops/bots.ts'
import { readCauseList } from '../../ops/causes.ts'
import { RowId, runOperation } from '../../ops/operation.ts'
import { readOverview } from '../../ops/overview.ts'
import { reviewList } from '../../ops/reviews.ts'
import { scheduleList } from '../../ops/schedules.ts'
import { readGateList, readStatus } from '../../ops/status.ts'
import { hashPassword, isPassword } from '../../password.ts'
import { noSessionCookie } from '../session-cookie.ts'
import { batchesPage } from './batches-page.ts'
import { causesPage } from './causes-page.ts'
import { deliveriesPage } from './deliveries-page.ts'
import { accountPage } from './door.ts'
import { overviewPage } from './overview-page.ts'
import type { PageScope } from './page-scope.ts'
import { reviewPage } from './review-page.ts'
import type { Works } from './work-sections.ts'

const Cursor = RowId.optional().catch(undefined)
const Outcome = z.enum(['accepted', 'duplicate', 'ignored', 'refused']).optional().catch(undefined)
const leastPassword = 10
const pageRows = 50

/** Causes, review, overview, deliveries, batches, and one's own account. */
export async function otherRoutes(scope: FastifyInstance, options: { pages: PageScope }): Promise<void> {
  const { pages } = options
  const { app } = pages

  scope.get('/causes', async (request, reply) => {
    const [view, causes, gates] = await Promise.all([pages.view(request), readCauseList(app), readGateList(app)])
    return pages.send(reply, causesPage(view, { causes, gates }))
  })
  scope.get<{ Querystring: { cursor?: string } }>('/review', async (request, reply) => {
    const cursor = Cursor.parse(request.query.cursor)
    const visitor = pages.visitor(request)
    const [view, found, waiting, settled] = await Promise.all([
      pages.view(request),
      runOperation(app, reviewList, { cursor, limit: 20 }, visitor),
      listDrafts(app.db, { shelf: 'waiting', limit: 20 }),
      listDrafts(app.db, { shelf: 'decided', limit: 20 }),
    ])
    const verdicts = found as Pick<Parameters<typeof reviewPage>[1], 'verdicts' | 'nextCursor'>
    return pages.send(reply, reviewPage(view, { ...verdicts, waiting, settled }))
  })
  scope.get<{ Querystring: { window?: string } }>('/overview', async (request, reply) => {
    const [view, facts] = await Promise.all([
      pages.view(request),
      readOverview(app, request.query.window === '7d' ? '7d' : '24h'),
    ])
    return pages.send(reply, overviewPage(view, facts))
  })
  scope.get<{ Querystring: Record<string, string | undefined> }>('/deliveries', async (request, reply) => {
    const outcome = Outcome.parse(request.query['outcome'])
    const portal = request.query['portal'] === '' ? undefined : request.query['portal']
    const cursor = Cursor.parse(request.query['cursor'])
    const [view, rows, portals] = await Promise.all([
      pages.view(request),
      listDeliveries(app.db, { outcome, portalId: portal, cursor, limit: pageRows + 1 }),
      listPortals(app.db),
    ])
    const deliveries = rows.slice(0, pageRows)
    const nextCursor = rows.length > pageRows ? (deliveries.at(-1)?.id ?? null) : null
    return pages.send(reply, deliveriesPage(view, { deliveries, nextCursor, outcome, portal, portals }))
  })
  scope.get('/batches', async (request, reply) => {
    const visitor = pages.visitor(request)
    const [view, retries, status, runs, bots, schedules] = await Promise.all([
      pages.view(request),
      readBulkRetries(app.db, { limit: 30 }),
      readStatus(app),
      runOperation(app, batchList, { limit: 20 }, visitor),
      runOperation(app, botList, {}, visitor),
      runOperation(app, scheduleList, {}, visitor),
    ])
    const works = { ...(runs as object), ...(bots as object), ...(schedules as object) } as Works
    return pages.send(reply, batchesPage(view, { retries, portals: status.portals, works }))
  })

  scope.get('/account', async (request, reply) => pages.send(reply, accountPage(await pages.view(request))))
  scope.post<{ Body: Record<string, string> }>('/account', async (request, reply) => {
    const { session } = pages.visitor(request)
    if (session === null) return reply.redirect('/account', 303)
    const { old = '', password = '' } = request.body ?? {}
    const { words } = (await pages.view(request)).language
    const refuse = async (text: string) =>
      pages.send(reply.code(400), accountPage(await pages.view(request, { good: false, text })))
    if (password.length < leastPassword) return await refuse(words.passwordShort)
    const standing = (await findPassword(app.db, session.name))?.password ?? null
    if (standing !== null && !(await isPassword(old, standing))) return await refuse(words.passwordWrong)
    await setPassword(app.db, session.userId, await hashPassword(password.slice(0, 500)), session.digest)
    return reply.redirect('/calls?did=password', 303)
  })
  scope.post('/logout', async (request, reply) => {
    const { session } = pages.visitor(request)
    if (session !== null) await closeSession(app.db, session.digest)
    return reply.header('set-cookie', noSessionCookie).redirect('/login', 303)
  })
}
