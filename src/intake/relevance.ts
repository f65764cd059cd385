import type { PortalSettings } from '../db/portal-settings.ts'
import { filterCall } from './filter-call.ts'
import type { CallEndFacts } from './read-event.ts'

/** Older events are replays or a queue's leftovers; reconcile has long brought in what they tell of. */
export const staleAfterMs = 72 * 3_600_000

/** Why an event's call is not to be judged, or null when it is. */
export function whyIgnored(
  call: CallEndFacts,
  facts: { sentAt: Date | null; now: number; minSeconds: number; settings: PortalSettings },
): string | null {
  if (facts.sentAt !== null && facts.now - facts.sentAt.getTime() > staleAfterMs) return 'stale'
  const signs = {
    direction: call.direction ?? null,
    callType: call.type === undefined ? null : Number(call.type),
    durationSeconds: call.durationSeconds ?? null,
    failedCode: call.failedCode ?? null,
    line: call.line ?? null,
    userId: call.userId ?? null,
  }
  return filterCall(signs, facts.settings, facts)
}
