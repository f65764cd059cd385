import { type Comment, type CrmEntity, commentsResponse, entitiesResponse, entityResponse } from '../wire/crm.ts'
import type { ClientDurations } from './durations.ts'
import { failureOf } from './failure-error.ts'
import { readShape } from './read.ts'
import type { Requester } from './request.ts'

const plan = { family: 'crm' } as const

/** `{ "statusId": "NEW", ">=createdTime": "2026-10-01" }`, as the API takes filters. */
export type LeadFilter = Readonly<Record<string, string | number>>

export interface LeadPage {
  readonly leads: CrmEntity[]
  /** Goes on above this id; null on the last page. */
  readonly nextAfterId: number | null
  /** Leads above `afterId` that the filter meets, this page's included. */
  readonly total: number | null
}

export interface LeadsResource {
  /** One page in ascending id, above `afterId`: pages do not shift when leads come and go meanwhile. */
  list(query: { filter: LeadFilter; select: readonly string[]; afterId: number; limit: number }): Promise<LeadPage>
  /** Null where there is no such lead (any more). */
  get(id: number): Promise<CrmEntity | null>
  /** What people wrote into the lead's timeline, the newest first. */
  newestComments(id: number, most: number): Promise<Comment[]>
}

export function createLeads(requester: Requester, durations: ClientDurations): LeadsResource {
  const deadlineMs = durations.requestMs
  return {
    async list({ filter, select, afterId, limit }) {
      const route = '/v1/leads'
      const filters = Object.entries(filter).map(([name, value]) => [`filter[${name}]`, value] as const)
      const query = {
        ...Object.fromEntries(filters),
        'filter[>id]': afterId,
        'order[id]': 'asc',
        select: ['id', ...select].join(','),
        limit,
      }
      const answer = await requester.json({
        method: 'GET',
        path: '/leads',
        route,
        query,
        plan,
        repeatable: true,
        deadlineMs,
      })
      const page = readShape(entitiesResponse, answer, `GET ${route}`)
      // The filter is asked for but not promised: a page that begins anew would go round for ever.
      const leads = page.data.filter((lead) => lead.id > afterId).sort((one, other) => one.id - other.id)
      const more = page.hasMore ?? (page.total === null ? page.data.length >= limit : page.total > page.data.length)
      return { leads, nextAfterId: more ? (leads.at(-1)?.id ?? null) : null, total: page.total }
    },
    async get(id) {
      const route = '/v1/leads/:id'
      try {
        const spec = { method: 'GET', path: `/leads/${id}`, route, plan, repeatable: true, deadlineMs } as const
        return readShape(entityResponse, await requester.json(spec), `GET ${route}`).data
      } catch (error) {
        if (failureOf(error)?.httpStatus === 404) return null
        throw error
      }
    },
    async newestComments(id, most) {
      const route = '/v1/timelines'
      const query = {
        'filter[entityType]': 'lead',
        'filter[entityId]': id,
        'order[id]': 'desc',
        limit: most,
      }
      const spec = { method: 'GET', path: '/timelines', route, query, plan, repeatable: true, deadlineMs } as const
      const { data } = readShape(commentsResponse, await requester.json(spec), `GET ${route}`)
      // The order is asked for but not promised.
      return data.sort((one, other) => other.id - one.id).slice(0, most)
    },
  }
}
