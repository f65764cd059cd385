import type { PortalSettings } from '../db/schema.ts'
import type { CallEndFacts } from './read-event.ts'

/** Older events are replays or a queue's leftovers; reconcile has long brought in what they tell of. */
export const staleAfterMs = 72 * 3_600_000

/** Why a call is not to be judged, or null when it is. The portal's settings go before the program's. */
export function whyIgnored(
  call: CallEndFacts,
  facts: { sentAt: Date | null; now: number; minSeconds: number; settings: PortalSettings },
): string | null {
  const { settings } = facts
  if (facts.sentAt !== null && facts.now - facts.sentAt.getTime() > staleAfterMs) return 'stale'
  if (call.failedCode !== undefined && call.failedCode !== '200') return 'no_conversation'
  if (call.durationSeconds === 0) return 'no_conversation'
  // 5 = information call: a robot speaks.
  if (call.type === '5') return 'information_call'
  const minSeconds = settings.minSeconds ?? facts.minSeconds
  if (call.durationSeconds !== undefined && call.durationSeconds < minSeconds) return 'too_short'
  if (
    settings.directions !== undefined &&
    (call.direction === undefined || !settings.directions.includes(call.direction))
  )
    return 'direction'
  if (settings.users !== undefined && (call.userId === undefined || !settings.users.includes(call.userId)))
    return 'user'
  if (settings.lines !== undefined && (call.line === undefined || !settings.lines.includes(call.line))) return 'line'
  return null
}
