import type { CallContext } from './call-context.ts'

/** What the portal's own call processing heard; null where it has not, or where it is not asked for (`portalTranscript`). */
export async function readPortalTranscript(context: CallContext, activityId: string | null): Promise<string | null> {
  if (context.portal.settings.portalTranscript !== true || activityId === null) return null
  const text = (await context.vibecode.crm.getTranscript(Number(activityId)))?.trim() ?? ''
  return text === '' ? null : text
}
