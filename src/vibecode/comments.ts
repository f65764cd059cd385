import { commentListResponse, type TimelineComment } from '../wire/crm.ts'
import type { ClientDurations } from './durations.ts'
import { readShape } from './read.ts'
import type { Requester } from './request.ts'

const route = '/v1/timelines'

export interface CommentsResource {
  /** What people wrote into a record's timeline, the newest first, 50 at most unless told. The type is a word here: this route refuses the numbers that entries go by. */
  list(of: { entityType: 'lead' | 'contact'; entityId: number; limit?: number }): Promise<TimelineComment[]>
}

export function createComments(requester: Requester, durations: ClientDurations): CommentsResource {
  return {
    async list({ entityType, entityId, limit = 50 }) {
      const answer = await requester.json({
        method: 'GET',
        path: '/timelines',
        route,
        query: { 'filter[entityType]': entityType, 'filter[entityId]': entityId, 'order[id]': 'desc', limit },
        plan: { family: 'crm' },
        repeatable: true,
        deadlineMs: durations.requestMs,
      })
      const { data } = readShape(commentListResponse, answer, `GET ${route}`)
      // The order is asked for but not promised.
      return data.sort((one, other) => other.id - one.id).slice(0, limit)
    },
  }
}
