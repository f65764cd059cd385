import { type CrmEntity, crmEntities, type Portal, type Row } from '../portal.ts'
import { fail, ok, type Reply } from '../reply.ts'
import type { Context, Route } from '../world.ts'
import { describeFields, shownName, storedName, writable } from './entity-fields.ts'
import { compare, listReply, matches, splitFilter } from './filters.ts'
import { isRecord, nested, readPage } from './shared.ts'

const typeIds: Partial<Record<CrmEntity, number>> = { leads: 1, deals: 2, contacts: 3, companies: 4, quotes: 7 }
const day = 86_400_000

interface ListQuery {
  readonly filter: Record<string, unknown>
  readonly order: Record<string, unknown>
  readonly select: readonly string[]
  readonly limit: unknown
  readonly offset: unknown
  readonly autoWindow?: boolean
}

function show(portal: Portal, row: Row, select: readonly string[] = []): Record<string, unknown> {
  const shown: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(row)) {
    const outer = shownName(portal, name)
    if (select.length === 0 || outer === 'id' || select.includes(outer) || select.includes('*')) shown[outer] = value
  }
  return shown
}

/** Days between the earliest and the latest moment that the filter's time conditions name. */
function spannedDays(conditions: readonly { field: string; value: unknown }[], now: number): number {
  const times = conditions.filter(({ field }) => /Time$/.test(field)).map(({ value }) => Date.parse(String(value)))
  if (times.length === 0) return 0
  const latest = times.length > 1 ? Math.max(...times) : now
  return (latest - Math.min(...times)) / day
}

function list(context: Context, entity: CrmEntity, query: ListQuery): Reply {
  const { portal } = context
  const page = readPage(query.limit, query.offset)
  if ('status' in page) return page
  const conditions = splitFilter(query.filter).map((one) => ({
    ...one,
    outer: one.field,
    field: storedName(portal, entity, one.field) ?? '',
  }))
  const strange = conditions.find(({ field }) => field === '')
  if (strange) return fail(400, 'INVALID_FILTER_FIELD', `${entity} cannot be filtered by ${strange.outer}`)
  const orders = Object.entries(query.order).map(([name, direction]) => ({
    name,
    field: storedName(portal, entity, name),
    sign: String(direction).toLowerCase() === 'desc' ? -1 : 1,
  }))
  const unsortable = orders.find(({ field }) => field === undefined)
  if (unsortable) return fail(400, 'UNKNOWN_SORT_FIELD', `${entity} cannot be sorted by ${unsortable.name}`)
  const windows =
    query.autoWindow === undefined || query.autoWindow ? Math.ceil(spannedDays(conditions, context.now) / 7) : 0
  if (query.autoWindow !== undefined && windows > 2 && page.offset > 0) {
    return fail(
      400,
      'UNSTABLE_OFFSET_PAGINATION',
      'A search over more than 14 days is split in windows; offset is not possible then',
      {
        hint: 'Send autoWindow:false and sort:"id"',
      },
    )
  }
  const found = [...portal.entities[entity].values()].filter((row) => matches(row, conditions))
  const sorting = orders.length > 0 ? orders : [{ field: 'id', sign: 1 }]
  found.sort((left, right) => {
    for (const { field, sign } of sorting) {
      const order = compare(left[field ?? 'id'], right[field ?? 'id']) * sign
      if (order !== 0) return order
    }
    return left.id - right.id
  })
  const rows = found.slice(page.offset, page.offset + page.limit).map((row) => show(portal, row, query.select))
  return listReply(context, rows, found.length, page)
}

/** `sort` and `order` are both documented for searches: a name, `-name`, or `{name: direction}`. */
function readOrder(body: Record<string, unknown>): Record<string, unknown> | Reply {
  const given = body['order'] ?? body['sort'] ?? {}
  if (typeof given === 'string') return { [given.replace(/^-/, '')]: given.startsWith('-') ? 'desc' : 'asc' }
  return isRecord(given) ? given : fail(400, 'INVALID_SORT_TYPE', 'sort must be a field name or an object')
}

function names(value: unknown): string[] {
  if (Array.isArray(value)) return value.map(String)
  return typeof value === 'string' && value !== '' ? value.split(',') : []
}

function search(context: Context, entity: CrmEntity): Reply {
  const body = isRecord(context.body) ? context.body : {}
  const order = readOrder(body)
  if ('status' in order && 'json' in order) return order as unknown as Reply
  const filter = isRecord(body['filter']) ? body['filter'] : {}
  const query = {
    filter,
    order: order as Record<string, unknown>,
    select: names(body['select']),
    limit: body['limit'],
    offset: body['offset'],
  }
  return list(context, entity, { ...query, autoWindow: body['autoWindow'] !== false })
}

function withRow(context: Context, entity: CrmEntity, use: (row: Row) => Reply): Reply {
  const id = Number(context.params['id'])
  if (context.portal.forbidden.has(`${typeIds[entity]}:${id}`))
    return fail(403, 'BITRIX_ACCESS_DENIED', `Access denied to ${entity} ${id}`)
  const row = context.portal.entities[entity].get(id)
  return row ? use(row) : fail(404, 'ENTITY_NOT_FOUND', `There is no ${entity} ${context.params['id']}`)
}

function included(context: Context, row: Row): Record<string, unknown> {
  const wanted = names(context.query.get('include') ?? '')
  if (wanted.length === 0) return {}
  const { contacts, companies } = context.portal.entities
  const all: Record<string, unknown> = {
    contact: contacts.get(Number(row['contactId'])) ?? null,
    company: companies.get(Number(row['companyId'])) ?? null,
  }
  return { _included: Object.fromEntries(wanted.map((name) => [name, all[name] ?? null])) }
}

function create(context: Context, entity: CrmEntity): Reply {
  const { portal, body } = context
  if (!isRecord(body)) return fail(400, 'VALIDATION_ERROR', 'a JSON object is required')
  const given = isRecord(body['fields']) ? body['fields'] : body
  const at = new Date(context.now).toISOString()
  const id = portal.nextId()
  const row: Row = {
    createdBy: 1,
    assignedById: 1,
    createdTime: at,
    updatedTime: at,
    ...writable(portal, entity, given),
    id,
  }
  portal.entities[entity].set(id, row)
  context.effect('create', { entity, id, fields: given })
  return ok(show(portal, row), undefined, 201)
}

function update(context: Context, entity: CrmEntity): Reply {
  return withRow(context, entity, (row) => {
    const { portal, body } = context
    if (!isRecord(body)) return fail(400, 'VALIDATION_ERROR', 'a JSON object is required')
    const changes = writable(portal, entity, isRecord(body['fields']) ? body['fields'] : body)
    Object.assign(row, changes, { updatedTime: new Date(context.now).toISOString() })
    if (Object.keys(changes).length > 0) context.effect('update', { entity, id: row.id, changes })
    return ok(show(portal, row))
  })
}

function remove(context: Context, entity: CrmEntity): Reply {
  return withRow(context, entity, (row) => {
    context.portal.entities[entity].delete(row.id)
    context.effect('delete', { entity, id: row.id })
    return { status: 204 }
  })
}

function routesOf(entity: CrmEntity): Route[] {
  const common = { family: 'portal', scope: entity === 'users' ? 'user' : 'crm' } as const
  const reading: Route[] = [
    {
      name: `${entity}.list`,
      method: 'GET',
      path: `/${entity}`,
      ...common,
      run: (context) => {
        const { query } = context
        const filter = nested(query, 'filter')
        const order = nested(query, 'order')
        const select = names(query.get('select') ?? '')
        return list(context, entity, {
          filter,
          order,
          select,
          limit: query.get('limit') ?? undefined,
          offset: query.get('offset') ?? undefined,
        })
      },
    },
    {
      name: `${entity}.fields`,
      method: 'GET',
      path: `/${entity}/fields`,
      ...common,
      run: ({ portal }) => ok({ fields: describeFields(portal, entity) }),
    },
    {
      name: `${entity}.search`,
      method: 'POST',
      path: `/${entity}/search`,
      ...common,
      run: (context) => search(context, entity),
    },
    {
      name: `${entity}.get`,
      method: 'GET',
      path: `/${entity}/:id`,
      ...common,
      run: (context) =>
        withRow(context, entity, (row) => ok({ ...show(context.portal, row), ...included(context, row) })),
    },
  ]
  if (entity === 'users') return reading
  return [
    ...reading,
    {
      name: `${entity}.create`,
      method: 'POST',
      path: `/${entity}`,
      ...common,
      run: (context) => create(context, entity),
    },
    {
      name: `${entity}.update`,
      method: 'PATCH',
      path: `/${entity}/:id`,
      ...common,
      run: (context) => update(context, entity),
    },
    {
      name: `${entity}.delete`,
      method: 'DELETE',
      path: `/${entity}/:id`,
      ...common,
      run: (context) => remove(context, entity),
    },
  ]
}

export const entityRoutes: readonly Route[] = crmEntities.flatMap(routesOf)
