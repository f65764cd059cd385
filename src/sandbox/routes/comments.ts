import type { Comment } from '../portal.ts'
import { fail, ok, type Reply } from '../reply.ts'
import type { Context, Route } from '../world.ts'
import { listReply } from './filters.ts'
import { isRecord, readPage } from './shared.ts'
import { entityTypeIds, refuseEntity } from './timeline.ts'

/** The owner of a comment: its type is a word here; a number, as timeline-logs take it, is refused. */
function readOwner(
  context: Context,
  source: Record<string, unknown>,
): { entityType: string; entityId: number } | Reply {
  const entityType = String(source['entityType'] ?? '')
  const typeId = Object.hasOwn(entityTypeIds, entityType) ? entityTypeIds[entityType] : undefined
  if (typeId === undefined)
    return fail(400, 'INVALID_PARAMS', 'entityType must be one of lead, deal, contact, company, quote, order', {
      field: 'entityType',
    })
  const entityId = Number(source['entityId'])
  if (!Number.isInteger(entityId) || entityId <= 0)
    return fail(400, 'INVALID_PARAMS', 'entityId is required', { field: 'entityId' })
  return refuseEntity(context, typeId, entityId) ?? { entityType, entityId }
}

function withComment(context: Context, use: (comment: Comment) => Reply): Reply {
  const comment = context.portal.comments.get(Number(context.params['id']))
  return comment ? use(comment) : fail(404, 'ENTITY_NOT_FOUND', `There is no comment ${context.params['id']}`)
}

function create(context: Context): Reply {
  const { portal, body } = context
  if (!isRecord(body)) return fail(400, 'INVALID_PARAMS', 'a JSON object is required')
  const owner = readOwner(context, body)
  if ('status' in owner) return owner
  const text = body['comment']
  if (typeof text !== 'string' || text === '')
    return fail(400, 'INVALID_PARAMS', 'comment is required', { field: 'comment' })
  const comment: Comment = {
    id: portal.nextId(),
    ...owner,
    comment: text,
    created: new Date(context.now).toISOString(),
  }
  portal.comments.set(comment.id, comment)
  context.effect('comment', { ...comment })
  return ok(comment, undefined, 201)
}

function list(context: Context): Reply {
  const { query } = context
  const named = (name: string) => query.get(`filter[${name}]`) ?? query.get(name) ?? undefined
  const source = { entityType: named('entityType'), entityId: named('entityId') }
  if (source.entityType === undefined || source.entityId === undefined) {
    return fail(400, 'MISSING_REQUIRED_FILTER', 'entityType and entityId are both required')
  }
  const owner = readOwner(context, source)
  if ('status' in owner) return owner
  const page = readPage(query.get('limit') ?? undefined, query.get('offset') ?? undefined)
  if ('status' in page) return page
  const found = [...context.portal.comments.values()].filter(
    (one) => one.entityType === owner.entityType && one.entityId === owner.entityId,
  )
  if (/^desc$/i.test(query.get('order[id]') ?? '')) found.reverse()
  return listReply(context, found.slice(page.offset, page.offset + page.limit), found.length, page)
}

const common = { family: 'portal', scope: 'crm' } as const

export const commentRoutes: readonly Route[] = [
  { name: 'timelines.create', method: 'POST', path: '/timelines', ...common, run: create },
  { name: 'timelines.list', method: 'GET', path: '/timelines', ...common, run: list },
  {
    name: 'timelines.get',
    method: 'GET',
    path: '/timelines/:id',
    ...common,
    run: (context) => withComment(context, (comment) => ok(comment)),
  },
  {
    name: 'timelines.update',
    method: 'PATCH',
    path: '/timelines/:id',
    ...common,
    run: (context) =>
      withComment(context, (comment) => {
        const text = isRecord(context.body) ? context.body['comment'] : undefined
        if (typeof text !== 'string' || text === '')
          return fail(400, 'INVALID_PARAMS', 'comment is required', { field: 'comment' })
        comment.comment = text
        context.effect('comment-update', { id: comment.id, comment: text })
        return ok(comment)
      }),
  },
  {
    name: 'timelines.delete',
    method: 'DELETE',
    path: '/timelines/:id',
    ...common,
    run: (context) =>
      withComment(context, (comment) => {
        context.portal.comments.delete(comment.id)
        context.effect('comment-delete', { id: comment.id })
        return { status: 204 }
      }),
  },
]
