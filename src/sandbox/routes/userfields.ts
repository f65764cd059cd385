import { type CrmEntity, crmEntities } from '../portal.ts'
import { fail, ok, type Reply } from '../reply.ts'
import type { Context, Route } from '../world.ts'
import { isRecord } from './shared.ts'

const withUserFields: readonly string[] = ['leads', 'deals', 'contacts', 'companies', 'quotes']
const typeNames = ['string', 'integer', 'double', 'boolean', 'datetime', 'date', 'enumeration', 'url', 'money']

function entityOf(context: Context): CrmEntity | undefined {
  const name = context.params['entity'] ?? ''
  return withUserFields.includes(name) ? crmEntities.find((entity) => entity === name) : undefined
}

function create(context: Context): Reply {
  const { portal, body } = context
  const entity = entityOf(context)
  if (!entity) return fail(404, 'NOT_FOUND', `User fields are not supported for ${context.params['entity']}`)
  if (!isRecord(body)) return fail(400, 'INVALID_PARAMS', 'a JSON object is required')
  const userTypeId = String(body['userTypeId'] ?? '')
  if (!typeNames.includes(userTypeId))
    return fail(400, 'INVALID_PARAMS', `userTypeId must be one of ${typeNames.join(', ')}`)
  const short = String(body['fieldName'] ?? '')
  if (!/^[A-Z0-9_]{1,50}$/.test(short)) return fail(400, 'INVALID_PARAMS', 'fieldName must be A-Z, 0-9 and _')
  const fieldName = short.startsWith('UF_CRM_') ? short : `UF_CRM_${short}`
  const known = portal.userFields.get(entity) ?? []
  if (known.some((field) => field.fieldName === fieldName))
    return fail(409, 'ALREADY_EXISTS', `${fieldName} is there already`)
  const field = { id: portal.nextId(), fieldName, userTypeId, label: String(body['label'] ?? short) }
  portal.userFields.set(entity, [...known, field])
  context.effect('userfield', { entity, ...field })
  return ok({ id: field.id, fieldName }, undefined, 201)
}

const common = { family: 'portal', scope: 'crm' } as const

export const userFieldRoutes: readonly Route[] = [
  { name: 'userfields.create', method: 'POST', path: '/userfields/:entity', ...common, run: create },
  {
    name: 'userfields.list',
    method: 'GET',
    path: '/userfields/:entity',
    ...common,
    run: (context) => {
      const entity = entityOf(context)
      if (!entity) return fail(404, 'NOT_FOUND', `User fields are not supported for ${context.params['entity']}`)
      return ok(context.portal.userFields.get(entity) ?? [])
    },
  },
]
