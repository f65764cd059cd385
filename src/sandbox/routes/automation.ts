import { fail, ok } from '../reply.ts'
import type { Route } from '../world.ts'
import { isRecord } from './shared.ts'
import { entityTypeIds, refuseEntity } from './timeline.ts'

/** crm.automation.trigger: moves whatever automation of the portal waits for this code at this lead or deal. */
export const automationRoutes: readonly Route[] = [
  {
    name: 'triggers.fire',
    method: 'POST',
    path: '/triggers/fire',
    family: 'portal',
    scope: 'crm',
    run(context) {
      const body = isRecord(context.body) ? context.body : {}
      const entityType = String(body['entityType'] ?? '')
      const entityId = Number(body['entityId'])
      const triggerId = String(body['triggerId'] ?? '')
      if (entityType !== 'lead' && entityType !== 'deal')
        return fail(400, 'INVALID_PARAMS', 'entityType must be lead or deal', { field: 'entityType' })
      if (!Number.isInteger(entityId) || entityId <= 0)
        return fail(400, 'INVALID_PARAMS', 'entityId is required', { field: 'entityId' })
      if (triggerId === '') return fail(400, 'INVALID_PARAMS', 'triggerId is required', { field: 'triggerId' })
      const refusal = refuseEntity(context, entityTypeIds[entityType] ?? 0, entityId)
      if (refusal) return refusal
      context.effect('trigger', { entityType, entityId, triggerId })
      return ok(true)
    },
  },
]
