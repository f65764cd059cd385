import { z } from 'zod'
import type { CrmEntity } from '../wire/crm.ts'
import { envelope } from '../wire/values.ts'
import type { ClientDurations } from './durations.ts'
import { readShape } from './read.ts'
import { createRecords } from './records.ts'
import type { Requester } from './request.ts'

const plan = { family: 'crm' } as const
const fieldsResponse = envelope(z.object({ fields: z.record(z.string(), z.unknown()) }))

export interface LeadsResource {
  /** Null where there is no such lead (any more). */
  get(id: number): Promise<CrmEntity | null>
  /** Sets user fields and nothing else, so that no stage is ever moved. Setting the same values again does no harm. */
  setUserFields(id: number, fields: Readonly<Record<`UF_CRM_${string}`, string | number>>): Promise<void>
  fieldNames(): Promise<Set<string>>
  /** `short` without its prefix: AI_SCORE becomes UF_CRM_AI_SCORE. */
  createUserField(field: { short: string; type: 'integer' | 'string'; label: string }): Promise<void>
}

export function createLeads(requester: Requester, durations: ClientDurations): LeadsResource {
  const deadlineMs = durations.requestMs
  const records = createRecords(requester, durations)
  return {
    get: (id) => records.get('leads', id),
    setUserFields: (id, fields) => records.patch('leads', id, fields),
    async fieldNames() {
      const route = '/v1/leads/fields'
      const spec = { method: 'GET', path: '/leads/fields', route, plan, repeatable: true, deadlineMs } as const
      return new Set(Object.keys(readShape(fieldsResponse, await requester.json(spec), `GET ${route}`).data.fields))
    },
    async createUserField({ short, type, label }) {
      await requester.json({
        method: 'POST',
        path: '/userfields/leads',
        route: '/v1/userfields/leads',
        json: { userTypeId: type, fieldName: short, label },
        plan,
        repeatable: false,
        deadlineMs: durations.writeMs,
      })
    },
  }
}
