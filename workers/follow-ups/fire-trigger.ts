import type { FollowedUp } from './follow-ups.ts'
import { type Judged, leadOrDeal, skip, tellEntity, writeFollowUp } from './judged-call.ts'

/** Lets the portal's automation go on with the lead or deal; which stage that comes to is decided there. */
export async function fireTrigger(judged: Judged): Promise<FollowedUp> {
  const { context, entity, seen } = judged
  const entityType = leadOrDeal(entity)
  const { quality } = seen.classifyLead
  const triggers = context.portal.settings.verdictTriggers ?? {}
  const triggerId = triggers[quality as keyof typeof triggers]
  if (entityType === null || triggerId === undefined) return skip('trigger', 'not_lead_or_deal')
  return await writeFollowUp(judged, 'trigger', {
    on: tellEntity(entity),
    again: false,
    send: async () => {
      await context.vibecode.automation.fireTrigger({ entityType, entityId: entity.id, triggerId })
      return triggerId
    },
  })
}
