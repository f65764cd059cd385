import { fail, type Reply } from '../reply.ts'
import { Routing } from '../routing.ts'
import type { Context, Route } from '../world.ts'
import { activityRoutes } from './activities.ts'
import { entityRoutes } from './entities.ts'
import { isRecord } from './shared.ts'

const maxCalls = 50
/** Of the portal behind it; a batch may not put more together. */
const portalPage = 50
const actions = ['list', 'get', 'create', 'update', 'delete', 'fields', 'search'] as const
type Action = (typeof actions)[number]

/** Only Entity API entities can be batched; timeline entries cannot. */
const routing = new Routing([...entityRoutes, ...activityRoutes])

interface BatchCall {
  readonly id: string
  readonly entity: string
  readonly action: Action
  readonly entityId: string | undefined
  readonly params: unknown
}

interface Problem {
  readonly code: string
  readonly message: string
}

function readCall(given: unknown, index: number): BatchCall | Problem {
  if (!isRecord(given)) return { code: 'VALIDATION_ERROR', message: 'a call must be an object' }
  const id = String(given['id'] ?? index)
  if (id.length > 64) return { code: 'VALIDATION_ERROR', message: 'id is longer than 64 characters' }
  const action = actions.find((one) => one === given['action'])
  if (!action) return { code: 'VALIDATION_ERROR', message: `action must be one of ${actions.join(', ')}` }
  const entityId = given['entityId'] === undefined ? undefined : String(given['entityId'])
  return { id, entity: String(given['entity'] ?? ''), action, entityId, params: given['params'] }
}

const needsId: readonly Action[] = ['get', 'update', 'delete']
const paths: Record<Action, (call: BatchCall) => [method: string, path: string]> = {
  list: ({ entity }) => ['POST', `/${entity}/search`],
  search: ({ entity }) => ['POST', `/${entity}/search`],
  get: ({ entity, entityId }) => ['GET', `/${entity}/${entityId}`],
  create: ({ entity }) => ['POST', `/${entity}`],
  update: ({ entity, entityId }) => ['PATCH', `/${entity}/${entityId}`],
  delete: ({ entity, entityId }) => ['DELETE', `/${entity}/${entityId}`],
  fields: ({ entity }) => ['GET', `/${entity}/fields`],
}

async function runCall(context: Context, call: BatchCall): Promise<Reply> {
  const [method, path] = paths[call.action](call)
  const match = routing.find(method, path)
  if (!match) return fail(400, 'VALIDATION_ERROR', `${call.action} of ${call.entity || 'nothing'} cannot be batched`)
  const route = `batch.${match.route.name}`
  const fault = context.world.faults.meet({ route, method, path: `/v1${path}`, portal: context.portal.name })
  if (fault !== undefined)
    return fail(fault.status ?? 502, fault.code ?? 'BITRIX_UNAVAILABLE', fault.message ?? 'SANDBOX: this call failed')
  return await match.route.run({ ...context, params: match.params, query: new URLSearchParams(), body: call.params })
}

function errorOf(reply: Reply): Problem {
  const error = isRecord(reply.json) ? reply.json['error'] : undefined
  return isRecord(error)
    ? { code: String(error['code']), message: String(error['message']) }
    : { code: 'INTERNAL_ERROR', message: 'no answer' }
}

async function batch(context: Context): Promise<Reply> {
  const given = isRecord(context.body) ? context.body['calls'] : undefined
  if (!Array.isArray(given) || given.length === 0)
    return fail(400, 'VALIDATION_ERROR', 'calls must be a list that is not empty')
  if (given.length > maxCalls) return fail(400, 'BATCH_LIMIT_EXCEEDED', `a batch takes at most ${maxCalls} calls`)
  const results: Record<string, unknown> = {}
  const totals: Record<string, number> = {}
  const errors: Record<string, Problem> = {}
  const meta: Record<string, unknown> = {}
  const valid: BatchCall[] = []
  for (const [index, one] of (given as unknown[]).entries()) {
    const call = readCall(one, index)
    if ('code' in call) {
      errors[isRecord(one) && one['id'] !== undefined ? String(one['id']).slice(0, 64) : String(index)] = call
    } else if (needsId.includes(call.action) && call.entityId === undefined) {
      if (context.portal.switches.batchMissingId === 'whole')
        return fail(400, 'INVALID_REQUEST', `call ${call.id}: entityId is required`)
      errors[call.id] = { code: 'VALIDATION_ERROR', message: 'entityId is required' }
    } else valid.push(call)
  }
  if (valid.length === 0)
    return {
      status: 400,
      json: { success: false, error: { code: 'INVALID_REQUEST', message: 'all calls are invalid' }, data: { errors } },
    }
  for (const call of valid) {
    const reply = await runCall(context, call)
    if (reply.status >= 400) {
      errors[call.id] = errorOf(reply)
      continue
    }
    const json = isRecord(reply.json) ? reply.json : {}
    const whole = json['data'] ?? true
    const { batchLists } = context.portal.switches
    const data = Array.isArray(whole) && batchLists === 'truncated' ? whole.slice(0, portalPage) : whole
    results[call.id] = data
    if (!Array.isArray(whole) || !Array.isArray(data)) continue
    const own = isRecord(json['meta']) ? json['meta'] : {}
    const total = Number(own['total'] ?? json['total'] ?? whole.length)
    if (batchLists === 'untold') continue
    totals[call.id] = total
    const truncated = data.length < whole.length
    meta[call.id] = { total, returned: data.length, hasMore: truncated || own['hasMore'] === true, truncated }
  }
  const failed = Object.keys(errors).length
  const summary = { total: given.length, succeeded: given.length - failed, failed }
  return { status: 200, json: { success: true, data: { results, totals, errors, summary, meta } } }
}

export const batchRoutes: readonly Route[] = [
  // One unit of the limits whatever it holds.
  { name: 'batch', method: 'POST', path: '/batch', family: 'portal', scope: 'crm', run: batch },
]
