import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { csvLine } from '../../csv.ts'
import { listRowFields } from '../../db/batches.ts'
import { readBulkRetries } from '../../db/bulk-retries.ts'
import { findPortal, listPortals } from '../../db/portals.ts'
import { batchCancel, batchList, batchPause, batchResume, batchRows, batchShow, batchStart } from '../../ops/batches.ts'
import { botList } from '../../ops/bots.ts'
import { type Caller, type Operation, RowId, runOperation } from '../../ops/operation.ts'
import { readInputLines } from '../../ops/read-options.ts'
import {
  scheduleAdd,
  scheduleEdit,
  scheduleList,
  schedulePause,
  scheduleRemove,
  scheduleResume,
  scheduleRun,
} from '../../ops/schedules.ts'
import { type BatchFacts, batchPage } from './batch-page.ts'
import { type BatchesFacts, batchesPage } from './batches-page.ts'
import { type Fields, filled, goBack, oneField, press } from './form-actions.ts'
import type { PageScope } from './page-scope.ts'

const pageRows = 50
const fileRows = 500
/** What people look for stands before what programs need. */
const first = ['leadId', 'quality', 'score', 'reason', 'doubts', 'written', 'ended']

/** Runs over many records and their schedules: the same operations as `callsift batch` and `callsift schedule`. */
export async function batchRoutes(scope: FastifyInstance, options: { pages: PageScope }): Promise<void> {
  const { pages } = options
  const { app } = pages

  scope.get('/batches', async (request, reply) => {
    const ask = async <Answer>(operation: Operation) =>
      (await runOperation(app, operation, {}, pages.visitor(request))) as Answer
    const view = await pages.view(request)
    const [{ batches }, { schedules }, { bots }, retries, portals] = await Promise.all([
      ask<Pick<BatchesFacts, 'batches'>>(batchList),
      ask<Pick<BatchesFacts, 'schedules'>>(scheduleList),
      ask<Pick<BatchesFacts, 'bots'>>(botList),
      readBulkRetries(app.db, { limit: 30 }),
      listPortals(app.db),
    ])
    const key = randomBytes(12).toString('base64url')
    return pages.send(
      reply,
      batchesPage(view, { batches, schedules, bots, retries, portals, verbs: app.registry.verbs, key }),
    )
  })
  scope.post<{ Body: Fields }>('/batches', async (request, reply) => {
    const input = {
      ...inputOf(request.body),
      ...(oneField(request.body?.['dryRun']) === 'true' ? { dryRun: true } : {}),
    }
    const asked = { ...filled(request.body, ['workflow', 'portalId']), input }
    const { id } = (await press(pages, request, batchStart, asked)) as { id: string }
    return reply.redirect(`/batches/${id}`, 303)
  })

  /** As the operation gives them out: masked for who may only look. */
  const rowsOf = async (caller: Caller, id: string, afterId: string, limit: number) => {
    const asked = afterId === '0' ? { id, limit } : { id, afterId, limit }
    return ((await runOperation(app, batchRows, asked, caller)) as { rows: BatchFacts['rows'] }).rows
  }
  /** A line for each record, read and sent a page at a time: a batch may be of any length. */
  async function* fileOf(caller: Caller, id: string): AsyncGenerator<string> {
    const found = await listRowFields(app.db, id)
    const names = [...first.filter((name) => found.includes(name)), ...found.filter((name) => !first.includes(name))]
    // The mark tells spreadsheets that it is UTF-8.
    yield `\uFEFF${csvLine(['id', 'state', 'class', ...names])}`
    for (let afterId = '0'; ; ) {
      const rows = await rowsOf(caller, id, afterId, fileRows)
      const last = rows.at(-1)
      if (last === undefined) return
      afterId = last.id
      yield rows
        .map((row) => csvLine([row.id, row.state, row.class, ...names.map((name) => cellOf(row.outputs[name]))]))
        .join('')
    }
  }

  const showBatch = async (request: Parameters<PageScope['visitor']>[0], id: string) =>
    (await runOperation(app, batchShow, { id }, pages.visitor(request))) as BatchFacts['batch']

  scope.get<{ Params: { id: string }; Querystring: { after?: string } }>('/batches/:id', async (request, reply) => {
    const batch = await showBatch(request, request.params.id)
    const after = RowId.safeParse(request.query.after)
    const [view, found, portal] = await Promise.all([
      pages.view(request),
      rowsOf(pages.visitor(request), batch.id, after.success ? after.data : '0', pageRows + 1),
      findPortal(app.db, batch.portalId),
    ])
    const rows = found.slice(0, pageRows)
    const nextAfterId = found.length > pageRows ? (rows.at(-1)?.id ?? null) : null
    return pages.send(reply, batchPage(view, { batch, rows, nextAfterId, domain: portal?.domain ?? null }))
  })
  scope.get<{ Params: { id: string } }>('/batches/:id/report.json', async (request, reply) => {
    const { report } = await showBatch(request, request.params.id)
    return reply
      .headers({ 'content-disposition': `attachment; filename="batch-${request.params.id}.json"` })
      .type('application/json; charset=utf-8')
      .send(`${JSON.stringify(report, null, 2)}\n`)
  })
  scope.get<{ Params: { id: string } }>('/batches/:id/rows.csv', async (request, reply) => {
    const batch = await showBatch(request, request.params.id)
    return reply
      .headers({ 'content-disposition': `attachment; filename="batch-${batch.id}.csv"` })
      .type('text/csv; charset=utf-8')
      .send(Readable.from(fileOf(pages.visitor(request), batch.id)))
  })

  const change = (path: string, operation: Operation, to: string) =>
    scope.post<{ Params: { id: string }; Body: Fields }>(path, async (request, reply) => {
      const { id } = request.params
      await press(pages, request, operation, path.startsWith('/schedules') ? { name: id } : { id })
      return goBack(reply, to, 'kept')
    })
  change('/batches/:id/pause', batchPause, '/batches')
  change('/batches/:id/resume', batchResume, '/batches')
  change('/batches/:id/cancel', batchCancel, '/batches')
  change('/schedules/:id/pause', schedulePause, '/batches')
  change('/schedules/:id/resume', scheduleResume, '/batches')
  change('/schedules/:id/run', scheduleRun, '/batches')
  change('/schedules/:id/remove', scheduleRemove, '/batches')

  scope.post<{ Body: Fields }>('/schedules', async (request, reply) => {
    const given = filled(request.body, ['name', 'workflow', 'portalId', 'cron', 'timeZone'])
    await press(pages, request, scheduleAdd, { ...given, input: inputOf(request.body) })
    return goBack(reply, '/batches', 'kept')
  })
  scope.post<{ Params: { id: string }; Body: Fields }>('/schedules/:id/edit', async (request, reply) => {
    const given = filled(request.body, ['cron', 'timeZone'])
    await press(pages, request, scheduleEdit, { name: request.params.id, ...given, input: inputOf(request.body) })
    return goBack(reply, '/batches', 'kept')
  })
}

const inputOf = (fields: Fields | undefined) =>
  readInputLines(oneField(fields?.['filter']) ?? '', oneField(fields?.['options']) ?? '')

function cellOf(value: unknown): string | number | null {
  if (value === null || value === undefined) return null
  if (typeof value === 'number' || typeof value === 'string') return value
  return JSON.stringify(value)
}
