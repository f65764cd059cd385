import { type Me, type Model, meResponse, modelsResponse } from '../wire/account.ts'
import type { ClientDurations } from './durations.ts'
import { readShape } from './read.ts'
import type { Requester } from './request.ts'

export interface AccountResource {
  /** What the key is and may do; `refresh` goes past the upstream's cache of an hour. Free of charge. */
  me(options?: { refresh?: boolean }): Promise<Me>
  /** The models the key may use. Free of charge. */
  models(): Promise<Model[]>
}

export function createAccount(requester: Requester, durations: ClientDurations): AccountResource {
  const deadlineMs = durations.requestMs
  return {
    async me({ refresh = false } = {}) {
      const query = refresh ? { refresh: 'tariff' } : {}
      const plan = { family: 'portal' } as const
      const spec = { method: 'GET', path: '/me', route: '/v1/me', query, plan, repeatable: true, deadlineMs } as const
      return readShape(meResponse, await requester.json(spec), 'GET /v1/me').data
    },
    async models() {
      const plan = { family: 'ai' } as const
      const spec = { method: 'GET', path: '/models', route: '/v1/models', plan, repeatable: true, deadlineMs } as const
      return readShape(modelsResponse, await requester.json(spec), 'GET /v1/models')
    },
  }
}
