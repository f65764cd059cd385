import { Permanent } from '../errors.ts'
import {
  type Activity,
  activityResponse,
  type Binding,
  bindingsResponse,
  type CrmEntity,
  entitiesResponse,
  entityResponse,
  entityTypeName,
  transcriptResponse,
} from '../wire/crm.ts'
import type { ClientDurations } from './durations.ts'
import { failureOf } from './failure-error.ts'
import { readShape } from './read.ts'
import type { Requester } from './request.ts'

const plan = { family: 'crm' } as const
const collections = { lead: 'leads', deal: 'deals', contact: 'contacts', company: 'companies' } as const

export interface CrmResource {
  getActivity(id: number): Promise<Activity>
  /** All CRM records the activity is bound to: usually several. */
  getActivityBindings(id: number): Promise<Binding[]>
  /**
   * What the portal's own call processing heard in the activity's call. Null where it has not, where it is switched off (403), and where
   * the upstream has no such route.
   */
  getTranscript(activityId: number): Promise<string | null>
  /** Open deals of a contact, company or lead, newest first. */
  findOpenDeals(
    owner: { contactId: number } | { companyId: number } | { leadId: number },
    options?: { limit?: number },
  ): Promise<CrmEntity[]>
  getDeal(id: number): Promise<CrmEntity>
  /** `typeId` 1 lead, 2 deal, 3 contact, 4 company. */
  getEntity(typeId: number, id: number): Promise<CrmEntity>
}

export function createCrm(requester: Requester, durations: ClientDurations): CrmResource {
  const deadlineMs = durations.requestMs

  async function getEntity(typeId: number, id: number): Promise<CrmEntity> {
    const name = entityTypeName(typeId)
    if (name === undefined) {
      throw new Permanent('unknown_entity_type', {
        message: `CRM records of type ${typeId} cannot be read (record ${id}).`,
        hint: 'Assign the call to a lead, deal, contact or company.',
      })
    }
    const collection = collections[name]
    const route = `/v1/${collection}/:id`
    const answer = await requester.json({
      method: 'GET',
      path: `/${collection}/${id}`,
      route,
      plan,
      repeatable: true,
      deadlineMs,
    })
    return readShape(entityResponse, answer, `GET ${route}`).data
  }

  return {
    async getActivity(id) {
      const route = '/v1/activities/:id'
      const spec = { method: 'GET', path: `/activities/${id}`, route, plan, repeatable: true, deadlineMs } as const
      return readShape(activityResponse, await requester.json(spec), `GET ${route}`).data
    },
    async getActivityBindings(id) {
      const route = '/v1/activities/:id/bindings'
      const path = `/activities/${id}/bindings`
      const answer = await requester.json({ method: 'GET', path, route, plan, repeatable: true, deadlineMs })
      return readShape(bindingsResponse, answer, `GET ${route}`).data
    },
    async getTranscript(id) {
      const route = '/v1/activities/:id/transcript'
      const path = `/activities/${id}/transcript`
      try {
        const answer = await requester.json({ method: 'GET', path, route, plan, repeatable: true, deadlineMs })
        return readShape(transcriptResponse, answer, `GET ${route}`).data.transcription
      } catch (error) {
        const { httpStatus = 0, class: why } = failureOf(error) ?? {}
        if (why !== 'scope_missing' && [403, 404, 405, 501].includes(httpStatus)) return null
        throw error
      }
    },
    async findOpenDeals(owner, { limit = 10 } = {}) {
      // Asked for more than wanted, so that dropping what was not asked for leaves something.
      const asked = Math.max(limit, 10)
      const route = '/v1/deals/search'
      const json = { filter: { ...owner, closed: 'N' }, order: { id: 'desc' }, limit: asked }
      const spec = { method: 'POST', path: '/deals/search', route, json, plan, repeatable: true, deadlineMs } as const
      const { data } = readShape(entitiesResponse, await requester.json(spec), `POST ${route}`)
      // Order and filter are asked for but not promised: an upstream that ignores them must not choose the wrong deal.
      return data
        .filter((deal) => isOpen(deal) && belongsTo(deal, owner))
        .sort((one, other) => other.id - one.id)
        .slice(0, limit)
    },
    getDeal: (id) => getEntity(2, id),
    getEntity,
  }
}

function isOpen(deal: CrmEntity): boolean {
  return deal.closed !== true && String(deal.closed ?? 'N').toUpperCase() !== 'Y'
}

/** A deal that names no owner is taken at the filter's word. */
function belongsTo(deal: CrmEntity, owner: Record<string, number>): boolean {
  return Object.entries(owner).every(([field, id]) => typeof deal[field] !== 'number' || deal[field] === id)
}
