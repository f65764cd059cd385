import { randomBytes } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { callAssign, callCancel, callRerun, callRetry, callWriteAgain } from '../../ops/call-again.ts'
import { causeIgnore, causeReopen, causeResolve } from '../../ops/causes.ts'
import { draftDecide, draftRetry, draftUndo } from '../../ops/drafts.ts'
import { gateOpen } from '../../ops/gate-open.ts'
import { type Operation, RowId, runOperation } from '../../ops/operation.ts'
import { retryStart } from '../../ops/retry-many.ts'
import { reviewDecide } from '../../ops/reviews.ts'
import { idempotent } from '../idempotent.ts'
import { type BulkPlan, bulkPage } from './bulk-page.ts'
import { readQuery } from './call-routes.ts'
import { type PageScope, safePath } from './page-scope.ts'

type Fields = Readonly<Record<string, string | readonly string[] | undefined>>

const one = (value: Fields[string]): string | undefined => {
  const first = typeof value === 'object' ? value[0] : value
  return first === '' ? undefined : first
}

/** What a button does: the same operations as the API and the command line; then back to where it was pressed. */
export async function actionRoutes(scope: FastifyInstance, options: { pages: PageScope }): Promise<void> {
  const { pages } = options
  const { app } = pages

  const run = async (request: FastifyRequest, operation: Operation, input: Record<string, unknown>) => {
    const caller = pages.visitor(request)
    const key = one((request.body as Fields | undefined)?.['key'])
    const action = typeof input['call'] === 'string' ? `call ${input['call']}` : operation.name
    return await idempotent(app, { actor: caller.actor, action, key, body: input }, () =>
      runOperation(app, operation, input, caller),
    )
  }
  const onCall = (name: string, operation: Operation, names: readonly string[], did: string) => {
    scope.post<{ Params: { id: string }; Body: Fields }>(`/calls/:id/${name}`, async (request, reply) => {
      const input: Record<string, unknown> = { call: request.params.id }
      for (const field of names) {
        const value = one(request.body?.[field])
        if (value !== undefined) input[field] = value === 'true' ? true : value
      }
      await run(request, operation, input)
      return back(reply, one(request.body?.['back']) ?? `/calls/${encodeURIComponent(request.params.id)}`, did)
    })
  }
  onCall('retry', callRetry, [], 'retried')
  onCall('rerun', callRerun, ['from', 'seen'], 'rerun')
  onCall('assign', callAssign, ['entityTypeId', 'entityId'], 'assign')
  onCall('write-again', callWriteAgain, ['yes'], 'write-again')
  onCall('cancel', callCancel, [], 'cancel')
  onCall('review', reviewDecide, ['decision', 'quality', 'score', 'reason'], 'review')

  const onDraft = (name: string, operation: Operation) => {
    scope.post<{ Params: { id: string }; Body: Fields }>(`/drafts/:id/${name}`, async (request, reply) => {
      const [decision, text] = [one(request.body?.['decision']), one(request.body?.['text'])]
      const named = { ...(decision === undefined ? {} : { decision }), ...(text === undefined ? {} : { text }) }
      await run(request, operation, { id: request.params.id, ...named })
      return back(reply, '/review', 'review')
    })
  }
  onDraft('decide', draftDecide)
  onDraft('undo', draftUndo)
  onDraft('retry', draftRetry)

  const decisions = { resolve: causeResolve, ignore: causeIgnore, reopen: causeReopen } as const
  for (const [name, operation] of Object.entries(decisions)) {
    scope.post<{ Params: { class: string }; Body: Fields }>(`/causes/:class/${name}`, async (request, reply) => {
      const hours = one(request.body?.['hours'])
      await run(request, operation, { class: request.params.class, ...(hours === undefined ? {} : { hours }) })
      return back(reply, '/causes', 'cause')
    })
  }
  scope.post<{ Body: Fields }>('/gates/open', async (request, reply) => {
    await run(request, gateOpen, { keyId: one(request.body?.['keyId']), name: one(request.body?.['name']) })
    return back(reply, one(request.body?.['back']) ?? '/causes', 'gate')
  })

  scope.get<{ Querystring: Fields }>('/calls/bulk', async (request, reply) => {
    const meant = readMeant(request.query)
    const from = one(request.query['from'])
    const plan = (await runOperation(
      app,
      retryStart,
      { ...meant.input, from, dryRun: true },
      pages.visitor(request),
    )) as BulkPlan
    const view = await pages.view(request)
    return pages.send(reply, bulkPage(view, { plan, ...meant, from, key: randomBytes(12).toString('base64url') }))
  })
  scope.post<{ Body: Fields }>('/calls/bulk', async (request, reply) => {
    const fields = request.body ?? {}
    const { input } = readMeant({ ...fields, all: fields['ids'] === undefined ? '1' : undefined })
    await run(request, retryStart, { ...input, from: one(fields['from']), reason: one(fields['reason']) })
    return reply.redirect('/batches', 303)
  })
}

function back(reply: FastifyReply, path: string, did: string): FastifyReply {
  const url = new URL(safePath(path), 'http://here')
  url.searchParams.set('did', did)
  return reply.redirect(`${url.pathname}${url.search}`, 303)
}

/** Either the calls that were ticked, or all of the filter (fields named `f.…`). */
function readMeant(fields: Fields): {
  input: { ids: readonly string[] } | { filter: Record<string, string> }
  ids: readonly string[]
  filter: Record<string, string>
} {
  const named = Object.entries(fields).flatMap(([name, value]) =>
    name.startsWith('f.') ? [[name.slice(2), one(value)] as const] : [],
  )
  const { cursor: _, ...known } = readQuery(Object.fromEntries(named))
  const filter = Object.fromEntries(
    Object.entries(known).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )
  if (one(fields['all']) === '1') return { input: { filter }, ids: [], filter }
  const given = fields['ids']
  const ids = (typeof given === 'string' ? [given] : [...(given ?? [])]).filter((id) => RowId.safeParse(id).success)
  return { input: { ids }, ids, filter: {} }
}
