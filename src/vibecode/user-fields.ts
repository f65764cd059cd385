import { z } from 'zod'
import { envelope } from '../wire/values.ts'
import type { ClientDurations } from './durations.ts'
import { readShape } from './read.ts'
import type { Requester } from './request.ts'

const fieldsResponse = envelope(z.object({ fields: z.record(z.string(), z.unknown()) }))

export type FieldOwner = 'leads' | 'deals'
export type UserFields = Readonly<Record<`UF_CRM_${string}`, string | number>>

/** Fields of our own on leads and deals. */
export interface UserFieldsResource {
  /** Of all fields that such records have. */
  names(owner: FieldOwner): Promise<Set<string>>
  /** `short` without its prefix: AI_SCORE becomes UF_CRM_AI_SCORE. */
  create(owner: FieldOwner, field: { short: string; type: 'integer' | 'string'; label: string }): Promise<void>
  /** Sets user fields and nothing else, so that no stage is ever moved. Setting the same values again does no harm. */
  set(owner: FieldOwner, id: number, fields: UserFields): Promise<void>
}

export function createUserFields(requester: Requester, durations: ClientDurations): UserFieldsResource {
  return {
    async names(owner) {
      const answer = await requester.json({
        method: 'GET',
        path: `/${owner}/fields`,
        route: `/v1/${owner}/fields`,
        plan: { family: 'crm' },
        repeatable: true,
        deadlineMs: durations.requestMs,
      })
      return new Set(Object.keys(readShape(fieldsResponse, answer, `GET /v1/${owner}/fields`).data.fields))
    },
    async create(owner, { short, type, label }) {
      await requester.json({
        method: 'POST',
        path: `/userfields/${owner}`,
        route: `/v1/userfields/${owner}`,
        json: { userTypeId: type, fieldName: short, label },
        plan: { family: 'crm' },
        repeatable: false,
        deadlineMs: durations.writeMs,
      })
    },
    async set(owner, id, fields) {
      await requester.json({
        method: 'PATCH',
        path: `/${owner}/${id}`,
        route: `/v1/${owner}/:id`,
        json: fields,
        plan: { family: 'crm', fenced: true },
        repeatable: false,
        deadlineMs: durations.writeMs,
      })
    },
  }
}
