import { portalTime } from '../event.ts'
import type { Activity } from '../portal.ts'
import { fail, ok } from '../reply.ts'
import type { Context, Route } from '../world.ts'
import { compare, listReply, matches, splitFilter } from './filters.ts'
import { isRecord, nested, readPage } from './shared.ts'

const upperNames: Record<string, string> = {
  id: 'ID',
  ownerTypeId: 'OWNER_TYPE_ID',
  ownerId: 'OWNER_ID',
  typeId: 'TYPE_ID',
  providerId: 'PROVIDER_ID',
  providerTypeId: 'PROVIDER_TYPE_ID',
  direction: 'DIRECTION',
  subject: 'SUBJECT',
  responsibleId: 'RESPONSIBLE_ID',
  startTime: 'START_TIME',
  endTime: 'END_TIME',
  completed: 'COMPLETED',
  createdTime: 'CREATED',
  updatedTime: 'LAST_UPDATED',
  originId: 'ORIGIN_ID',
}

/** The activity in camel case, as it is stored and filtered. */
function plainActivity(context: Context, activity: Activity): Record<string, unknown> {
  return {
    id: activity.id,
    ownerTypeId: activity.ownerTypeId,
    ownerId: activity.ownerId,
    typeId: Number(context.portal.switches.callTypeId),
    providerId: 'VOXIMPLANT_CALL',
    providerTypeId: 'CALL',
    direction: activity.direction,
    subject: activity.subject,
    responsibleId: activity.responsibleId,
    startTime: portalTime(activity.startedAt),
    endTime: portalTime(activity.endedAt),
    completed: 'Y',
    createdTime: portalTime(activity.startedAt),
    updatedTime: portalTime(activity.call.file?.availableAt ?? activity.endedAt),
    originId: `VI_${activity.call.callId}`,
  }
}

/** The activity as answered: CRM activities come partly in upper case, and how much so is a matter of a switch. */
function activityRow(context: Context, activity: Activity): Record<string, unknown> {
  const { world, portal } = context
  const plain = plainActivity(context, activity)
  const file = activity.call.file
  const shown = file && file.availableAt <= world.now() && portal.switches.activityFiles === 'shown'
  const files = shown ? [{ id: file.id, url: world.signFile(portal, file.id) }] : []
  const spelling = portal.switches.activityKeys
  if (spelling === 'camel') return { ...plain, files, settings: {} }
  if (spelling === 'mixed') return { ...plain, FILES: files, SETTINGS: {} }
  const upper: Record<string, unknown> = { FILES: files, SETTINGS: {} }
  for (const [name, value] of Object.entries(plain))
    upper[upperNames[name] ?? name] = typeof value === 'number' ? String(value) : value
  return upper
}

function find(
  context: Context,
  filter: Record<string, unknown>,
  order: Record<string, unknown>,
  limit: unknown,
  offset: unknown,
) {
  const page = readPage(limit, offset)
  if ('status' in page) return page
  const conditions = splitFilter(filter).map((condition) => ({ ...condition, field: camelName(condition.field) }))
  const unknown = conditions.find(({ field }) => !Object.hasOwn(upperNames, field))
  if (unknown) return fail(400, 'INVALID_FILTER_FIELD', `activities cannot be filtered by ${unknown.field}`)
  const [field = 'id', direction = 'asc'] = Object.entries(order)[0] ?? []
  const sign = String(direction).toLowerCase() === 'desc' ? -1 : 1
  const found = [...context.portal.activities.values()]
    .map((activity) => ({ activity, plain: plainActivity(context, activity) }))
    .filter(({ plain }) => matches(plain, conditions))
    .sort((left, right) => compare(left.plain[camelName(field)], right.plain[camelName(field)]) * sign)
  const rows = found.slice(page.offset, page.offset + page.limit).map(({ activity }) => activityRow(context, activity))
  return listReply(context, rows, found.length, page)
}

function camelName(field: string): string {
  return Object.entries(upperNames).find(([, upper]) => upper === field)?.[0] ?? field
}

function withActivity(context: Context, use: (activity: Activity) => ReturnType<typeof ok>) {
  const activity = context.portal.activities.get(Number(context.params['id']))
  if (!activity) return fail(404, 'ENTITY_NOT_FOUND', `There is no activity ${context.params['id']}`)
  if (context.portal.forbidden.has(`6:${activity.id}`)) return fail(403, 'BITRIX_ACCESS_DENIED', 'Access denied')
  return use(activity)
}

export const activityRoutes: readonly Route[] = [
  {
    name: 'activities.search',
    method: 'POST',
    path: '/activities/search',
    family: 'portal',
    scope: 'crm',
    run(context) {
      const body = isRecord(context.body) ? context.body : {}
      const filter = isRecord(body['filter']) ? body['filter'] : {}
      const order = isRecord(body['order']) ? body['order'] : isRecord(body['sort']) ? body['sort'] : {}
      return find(context, filter, order, body['limit'], body['offset'])
    },
  },
  {
    name: 'activities.list',
    method: 'GET',
    path: '/activities',
    family: 'portal',
    scope: 'crm',
    run: (context) =>
      find(
        context,
        nested(context.query, 'filter'),
        nested(context.query, 'order'),
        context.query.get('limit') ?? undefined,
        context.query.get('offset') ?? undefined,
      ),
  },
  {
    name: 'activities.bindings',
    method: 'GET',
    path: '/activities/:id/bindings',
    family: 'portal',
    scope: 'crm',
    run: (context) => withActivity(context, (activity) => ok(activity.bindings)),
  },
  {
    name: 'activities.transcript',
    method: 'GET',
    path: '/activities/:id/transcript',
    family: 'portal',
    scope: 'crm',
    // Null until the portal's own speech recognition has been at it (crm.activity.call.getTranscript).
    run: (context) =>
      withActivity(context, ({ call }) =>
        context.portal.switches.portalTranscripts === 'off'
          ? fail(403, 'BITRIX_ACCESS_DENIED', 'AI call processing is switched off', {
              bitrixError: { error: 'ACCESS_DENIED' },
            })
          : ok(call.portalTranscript === undefined ? null : { transcription: call.portalTranscript }),
      ),
  },
  {
    name: 'activities.get',
    method: 'GET',
    path: '/activities/:id',
    family: 'portal',
    scope: 'crm',
    run: (context) => withActivity(context, (activity) => ok(activityRow(context, activity))),
  },
]
