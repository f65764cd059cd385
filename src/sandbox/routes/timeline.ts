import type { TimelineEntry } from '../portal.ts'
import { fail, ok, type Reply } from '../reply.ts'
import type { Context, Route } from '../world.ts'
import { listReply } from './filters.ts'
import { isRecord } from './shared.ts'

export const entityTypeIds: Record<string, number> = {
  lead: 1,
  deal: 2,
  contact: 3,
  company: 4,
  quote: 7,
  order: 14,
  invoice: 31,
}
/** Bitrix24 pages timeline entries by ten. */
const pageSize = 10

/** The owner's type and id under the names that are accepted, or the refusal. */
function readOwner(
  source: Record<string, unknown>,
  accepted: 'both' | 'entityType' | 'entityTypeId',
): { typeId: number; id: number } | Reply {
  const byName = accepted === 'entityTypeId' ? undefined : source['entityType']
  const byNumber = accepted === 'entityType' ? undefined : source['entityTypeId']
  // A strict upstream also refuses the field that it does not know, and names it.
  const foreign = accepted === 'entityTypeId' ? 'entityType' : accepted === 'entityType' ? 'entityTypeId' : undefined
  if (foreign !== undefined && source[foreign] !== undefined)
    return fail(400, 'INVALID_PARAMS', `Unknown field: ${foreign}`, { field: foreign })
  const typeId = byNumber === undefined ? entityTypeIds[String(byName ?? '').toLowerCase()] : Number(byNumber)
  const wanted = accepted === 'entityType' ? 'entityType' : 'entityTypeId'
  if (typeId === undefined || !Number.isInteger(typeId))
    return fail(400, 'INVALID_PARAMS', `${wanted} is required`, { field: wanted })
  const id = Number(source['entityId'])
  if (!Number.isInteger(id) || id <= 0)
    return fail(400, 'INVALID_PARAMS', 'entityId is required', { field: 'entityId' })
  return { typeId, id }
}

/** Why this entity takes no entry: it is forbidden to the key's owner, or it does not exist. */
export function refuseEntity(context: Context, typeId: number, id: number): Reply | undefined {
  const { portal } = context
  if (portal.forbidden.has(`${typeId}:${id}`)) {
    return fail(403, 'BITRIX_ACCESS_DENIED', `Access denied to entity ${typeId}:${id}`, {
      bitrixError: { error: 'ACCESS_DENIED' },
    })
  }
  const rows = {
    1: portal.entities.leads,
    2: portal.entities.deals,
    3: portal.entities.contacts,
    4: portal.entities.companies,
  }[typeId]
  if (rows && !rows.has(id))
    return fail(404, 'ENTITY_NOT_FOUND', `There is no entity ${typeId}:${id}`, {
      bitrixError: { error: 'OWNER_NOT_FOUND' },
    })
  return undefined
}

/** An entry as answered: what the documents show, and by whom it was made. */
export function entryRow(entry: TimelineEntry): Record<string, unknown> {
  const { id, created, authorId, author, title, text, iconCode, entityTypeId, entityId } = entry
  return { id, created, authorId, author, title, text, iconCode, entityTypeId, entityId }
}

function create(context: Context): Reply {
  const { portal, body } = context
  if (!isRecord(body)) return fail(400, 'INVALID_PARAMS', 'a JSON object is required')
  const owner = readOwner(body, portal.switches.timelineEntity)
  if ('status' in owner) return owner
  for (const field of ['title', 'text']) {
    const value = body[field]
    if (typeof value !== 'string' || value === '') return fail(400, 'INVALID_PARAMS', `${field} is required`, { field })
  }
  const refusal = refuseEntity(context, owner.typeId, owner.id)
  if (refusal) return refusal
  const entry: TimelineEntry = {
    id: portal.nextId(),
    created: new Date(context.now).toISOString(),
    authorId: 1,
    author: 'created by SANDBOX',
    entityTypeId: owner.typeId,
    entityId: owner.id,
    title: String(body['title']),
    text: String(body['text']),
    iconCode: typeof body['iconCode'] === 'string' ? body['iconCode'] : '',
    pinned: false,
    boundTo: [],
  }
  portal.timeline.push(entry)
  showIn(context, owner, entry)
  context.effect('timeline-log', entryRow(entry))
  return ok(entryRow(entry), undefined, 201)
}

function showIn({ portal }: Context, owner: { typeId: number; id: number }, entry: TimelineEntry): void {
  const key = `${owner.typeId}:${owner.id}`
  const known = portal.timelineByOwner.get(key)
  if (known) known.push(entry)
  else portal.timelineByOwner.set(key, [entry])
}

const bindingsOf = ({ entityTypeId, entityId, boundTo }: TimelineEntry) => [{ entityTypeId, entityId }, ...boundTo]

/** Shows the entry in another record too, or no longer; here the type's word is documented as good. */
function bind(context: Context, entry: TimelineEntry): Reply {
  const owner = readOwner(isRecord(context.body) ? context.body : {}, context.portal.switches.timelineEntity)
  if ('status' in owner) return owner
  const refusal = refuseEntity(context, owner.typeId, owner.id)
  if (refusal) return refusal
  if (bindingsOf(entry).some((one) => one.entityTypeId === owner.typeId && one.entityId === owner.id))
    return fail(409, 'ALREADY_EXISTS', `The entry is bound to ${owner.typeId}:${owner.id} already`)
  const binding = { entityTypeId: owner.typeId, entityId: owner.id }
  entry.boundTo.push(binding)
  showIn(context, owner, entry)
  context.effect('bind', { id: entry.id, ...binding })
  return ok({ id: entry.id, ...binding })
}

function unbind(context: Context, entry: TimelineEntry): Reply {
  const owner = readOwner(isRecord(context.body) ? context.body : {}, context.portal.switches.timelineEntity)
  if ('status' in owner) return owner
  const at = entry.boundTo.findIndex((one) => one.entityTypeId === owner.typeId && one.entityId === owner.id)
  if (at === -1) return fail(404, 'ENTITY_NOT_FOUND', `The entry is not bound to ${owner.typeId}:${owner.id}`)
  entry.boundTo.splice(at, 1)
  const key = `${owner.typeId}:${owner.id}`
  const shown = context.portal.timelineByOwner.get(key) ?? []
  context.portal.timelineByOwner.set(
    key,
    shown.filter((one) => one !== entry),
  )
  context.effect('unbind', { id: entry.id, entityTypeId: owner.typeId, entityId: owner.id })
  return { status: 204 }
}

function list(context: Context): Reply {
  // Lists take the names of the underlying method in every variant; only the creating body is disputed.
  const owner = readOwner(Object.fromEntries(context.query), 'both')
  if ('status' in owner) return owner
  const refusal = refuseEntity(context, owner.typeId, owner.id)
  if (refusal) return refusal
  const start = Number(context.query.get('start') ?? context.query.get('offset') ?? 0)
  if (!Number.isInteger(start) || start < 0) return fail(400, 'INVALID_PARAMS', 'start must be a whole number from 0')
  const all = [...(context.portal.timelineByOwner.get(`${owner.typeId}:${owner.id}`) ?? [])].reverse()
  const ascending = /^asc$/i.test(context.query.get('order[id]') ?? context.query.get('order[created]') ?? '')
  if (ascending) all.reverse()
  return listReply(context, all.slice(start, start + pageSize).map(entryRow), all.length, { offset: start })
}

function withEntry(context: Context, use: (entry: TimelineEntry) => Reply): Reply {
  const entry = context.portal.timeline.find((one) => one.id === Number(context.params['id']))
  return entry ? use(entry) : fail(404, 'ENTITY_NOT_FOUND', `There is no timeline entry ${context.params['id']}`)
}

const common = { family: 'portal', scope: 'crm' } as const

function pin(pinned: boolean) {
  return (context: Context): Reply =>
    withEntry(context, (entry) => {
      entry.pinned = pinned
      context.effect(pinned ? 'pin' : 'unpin', { id: entry.id })
      return ok({ id: entry.id, pinned })
    })
}

export const timelineRoutes: readonly Route[] = [
  { name: 'timeline-logs.create', method: 'POST', path: '/timeline-logs', ...common, run: create },
  { name: 'timeline-logs.list', method: 'GET', path: '/timeline-logs', ...common, run: list },
  {
    name: 'timeline-logs.get',
    method: 'GET',
    path: '/timeline-logs/:id',
    ...common,
    run: (context) => withEntry(context, (entry) => ok(entryRow(entry))),
  },
  {
    name: 'timeline-logs.delete',
    method: 'DELETE',
    path: '/timeline-logs/:id',
    ...common,
    // Tokens of a vibe_api_ key rotate, so that every request looks like another app: entries are permanent.
    run: (context) =>
      withEntry(context, () => fail(403, 'CROSS_APP_DELETE_FORBIDDEN', 'The entry was made by another application')),
  },
  { name: 'timeline-logs.pin', method: 'POST', path: '/timeline-logs/:id/pin', ...common, run: pin(true) },
  { name: 'timeline-logs.unpin', method: 'POST', path: '/timeline-logs/:id/unpin', ...common, run: pin(false) },
  {
    name: 'timeline-logs.bindings',
    method: 'GET',
    path: '/timeline-logs/:id/bindings',
    ...common,
    run: (context) => withEntry(context, (entry) => ok(bindingsOf(entry))),
  },
  {
    name: 'timeline-logs.bind',
    method: 'POST',
    path: '/timeline-logs/:id/bind',
    ...common,
    run: (context) => withEntry(context, (entry) => bind(context, entry)),
  },
  {
    name: 'timeline-logs.unbind',
    method: 'POST',
    path: '/timeline-logs/:id/unbind',
    ...common,
    run: (context) => withEntry(context, (entry) => unbind(context, entry)),
  },
  {
    name: 'timeline-logs.note.get',
    method: 'GET',
    path: '/timeline-logs/:id/note',
    ...common,
    run: (context) =>
      withEntry(context, (entry) =>
        entry.note === undefined ? fail(404, 'NOTE_NOT_FOUND', 'There is no note') : ok({ text: entry.note }),
      ),
  },
  {
    name: 'timeline-logs.note.save',
    method: 'POST',
    path: '/timeline-logs/:id/note',
    ...common,
    run: (context) =>
      withEntry(context, (entry) => {
        const text = isRecord(context.body) ? context.body['text'] : undefined
        if (typeof text !== 'string') return fail(400, 'INVALID_PARAMS', 'text is required', { field: 'text' })
        entry.note = text
        context.effect('note', { id: entry.id, text })
        return ok({ text })
      }),
  },
  {
    name: 'timeline-logs.note.delete',
    method: 'DELETE',
    path: '/timeline-logs/:id/note',
    ...common,
    run: (context) =>
      withEntry(context, (entry) => {
        if (entry.note === undefined) return fail(404, 'NOTE_NOT_FOUND', 'There is no note')
        delete entry.note
        context.effect('note-delete', { id: entry.id })
        return { status: 204 }
      }),
  },
]
