import { commentListResponse, type TimelineComment } from '../wire/crm.ts'
import type { ClientDurations } from './durations.ts'
import { readShape } from './read.ts'
import type { Requester } from './request.ts'

const route = '/v1/timelines'

export interface CommentsResource {
  /** What people wrote into a record's timeline. The type is a word here: this route refuses the numbers that entries go by. */
  list(of: { entityType: 'lead' | 'contact'; entityId: number }): Promise<TimelineComment[]>
}

export function createComments(requester: Requester, durations: ClientDurations): CommentsResource {
  return {
    async list({ entityType, entityId }) {
      const answer = await requester.json({
        method: 'GET',
        path: '/timelines',
        route,
        query: { 'filter[entityType]': entityType, 'filter[entityId]': entityId, 'order[id]': 'desc', limit: 50 },
        plan: { family: 'crm' },
        repeatable: true,
        deadlineMs: durations.requestMs,
      })
      return readShape(commentListResponse, answer, `GET ${route}`).data
    },
  }
}
