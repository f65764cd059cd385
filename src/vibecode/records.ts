import { type CrmEntity, entitiesResponse, entityResponse } from '../wire/crm.ts'
import type { ClientDurations } from './durations.ts'
import { failureOf } from './failure-error.ts'
import { readShape } from './read.ts'
import type { Requester } from './request.ts'

const plan = { family: 'crm' } as const

export type Collection = 'leads' | 'contacts' | 'companies' | 'products'

/** `{ "statusId": "NEW", ">=createdTime": "2026-10-01" }`, as the API takes filters. */
export type RecordFilter = Readonly<Record<string, string | number>>

export interface RecordPage {
  readonly records: CrmEntity[]
  /** Goes on above this id; null on the last page. */
  readonly nextAfterId: number | null
  /** Records above `afterId` that the filter meets, this page's included. */
  readonly total: number | null
}

/** Records of the CRM and its catalogue that a workflow goes through one after the other. */
export interface RecordsResource {
  /** One page in ascending id, above `afterId`: pages do not shift when records come and go meanwhile. */
  list(
    collection: Collection,
    query: { filter: RecordFilter; select: readonly string[]; afterId: number; limit: number },
  ): Promise<RecordPage>
  /** Null where there is no such record (any more). */
  get(collection: Collection, id: number): Promise<CrmEntity | null>
  /** Sets the named fields and sends nothing else of the record. Once; never repeated here. */
  patch(collection: Collection, id: number, fields: Readonly<Record<string, unknown>>): Promise<void>
}

export function createRecords(requester: Requester, durations: ClientDurations): RecordsResource {
  const deadlineMs = durations.requestMs
  return {
    async list(collection, { filter, select, afterId, limit }) {
      const route = `/v1/${collection}`
      const filters = Object.entries(filter).map(([name, value]) => [`filter[${name}]`, value] as const)
      const query = {
        ...Object.fromEntries(filters),
        'filter[>id]': afterId,
        'order[id]': 'asc',
        select: ['id', ...select].join(','),
        limit,
      }
      const spec = { method: 'GET', path: `/${collection}`, route, query, plan, repeatable: true, deadlineMs } as const
      const page = readShape(entitiesResponse, await requester.json(spec), `GET ${route}`)
      // The filter is asked for but not promised: a page that begins anew would go round for ever.
      const records = page.data.filter((one) => one.id > afterId).sort((one, other) => one.id - other.id)
      const more = page.hasMore ?? (page.total === null ? page.data.length >= limit : page.total > page.data.length)
      return { records, nextAfterId: more ? (records.at(-1)?.id ?? null) : null, total: page.total }
    },
    async get(collection, id) {
      const route = `/v1/${collection}/:id`
      try {
        const spec = { method: 'GET', path: `/${collection}/${id}`, route, plan, repeatable: true, deadlineMs } as const
        return readShape(entityResponse, await requester.json(spec), `GET ${route}`).data
      } catch (error) {
        if (failureOf(error)?.httpStatus === 404) return null
        throw error
      }
    },
    async patch(collection, id, fields) {
      await requester.json({
        method: 'PATCH',
        path: `/${collection}/${id}`,
        route: `/v1/${collection}/:id`,
        json: fields,
        plan: { family: 'crm', fenced: true },
        repeatable: false,
        deadlineMs: durations.writeMs,
      })
    },
  }
}
