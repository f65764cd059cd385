import type { ClientDurations } from './durations.ts'
import type { Requester } from './request.ts'

export interface AutomationResource {
  /** Lets what the portal's automation has waiting for this trigger begin. It cannot be looked up afterwards: never repeated here. */
  fireTrigger(trigger: {
    readonly entityType: 'lead' | 'deal'
    readonly entityId: number
    readonly triggerId: string
  }): Promise<void>
}

export function createAutomation(requester: Requester, durations: ClientDurations): AutomationResource {
  return {
    async fireTrigger(trigger) {
      await requester.json({
        method: 'POST',
        path: '/triggers/fire',
        route: '/v1/triggers/fire',
        json: trigger,
        plan: { family: 'crm', fenced: true },
        repeatable: false,
        fresh: true,
        deadlineMs: durations.writeMs,
      })
    },
  }
}
