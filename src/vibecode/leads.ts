import type { CrmEntity } from '../wire/crm.ts'
import type { ClientDurations } from './durations.ts'
import { createRecords } from './records.ts'
import type { Requester } from './request.ts'

export interface LeadsResource {
  /** Null where there is no such lead (any more). */
  get(id: number): Promise<CrmEntity | null>
}

export function createLeads(requester: Requester, durations: ClientDurations): LeadsResource {
  const records = createRecords(requester, durations)
  return { get: (id) => records.get('leads', id) }
}
