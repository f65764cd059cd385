import type { FollowedUp } from './follow-ups.ts'
import { type Judged, skip, tellEntity, writeFollowUp } from './judged-call.ts'

/** Tells whoever is responsible for the record, in the name of a bot of the portal, that a hot lead has called. */
export async function alertManager(judged: Judged): Promise<FollowedUp> {
  const { context, entity, seen } = judged
  const { portal, vibecode } = context
  const { hotLeadBot } = portal.settings
  const manager = await findManager(judged)
  if (hotLeadBot === undefined || manager === null) return skip('alert', 'no_manager')
  const { score, reason, doubts } = seen.classifyLead
  const review = doubts.length > 0 ? ', needs review' : ''
  const text = [
    `${portal.sandbox ? 'SANDBOX. ' : ''}Hot lead: ${score}/100${review}. ${tellEntity(entity)}`,
    ...(portal.domain === null
      ? []
      : [`https://${portal.domain}/crm/${tellEntity(entity).replace(' ', '/details/')}/`]),
    reason ?? '',
  ].join('\n')
  return await writeFollowUp(judged, 'alert', {
    on: `user ${manager}`,
    again: false,
    send: async () => {
      // A private dialogue is named by its user.
      await vibecode.bots.sendMessage(hotLeadBot, { dialogId: String(manager), text })
      return `user ${manager}`
    },
  })
}

/** Of the record; where it names nobody, who spoke. */
async function findManager({ context, call, entity }: Judged): Promise<number | null> {
  const { assignedById } = await context.vibecode.crm.getEntity(entity.typeId, entity.id)
  const spoke = Number(call.user_id ?? 0)
  return assignedById ?? (spoke > 0 ? spoke : null)
}
