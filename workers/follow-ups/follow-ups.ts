import { z } from 'zod'
import type { PortalSettings } from '../../src/db/portal-settings.ts'

/** What a portal may want done beside the entry; each is off until it is asked for, and an effect of its own. */
export const FollowUp = z.object({ kind: z.enum(['fields', 'dialogue', 'bind', 'alert', 'trigger']) })
export type FollowUp = z.output<typeof FollowUp>

/** Why one was left out although it is asked for. */
export const Skipped = z.enum([
  'not_lead_or_deal',
  'no_call_id',
  'has_transcript',
  'speakers_unknown',
  'nothing_to_bind',
  'no_manager',
])

export const FollowedUp = z.object({
  kind: FollowUp.shape.kind,
  /**
   * `found`: an attempt before had done it. `kept`: an earlier run had. `unconfirmed`: it was sent, the answer was lost, and it can neither
   * be looked up nor be done twice.
   */
  state: z.enum(['written', 'found', 'kept', 'unconfirmed', 'skipped']),
  why: Skipped.nullable(),
  /** What it was done to, as the portal names it: `deal 7`, `user 12`. */
  on: z.array(z.string()),
})
export type FollowedUp = z.output<typeof FollowedUp>

export function chooseFollowUps(settings: PortalSettings, quality: string | null): FollowUp[] {
  const wanted: Readonly<Record<FollowUp['kind'], boolean>> = {
    fields: settings.verdictFields === true,
    dialogue: settings.attachDialogue === true,
    bind: settings.bindEntry === true,
    alert: settings.hotLeadBot !== undefined && quality === 'high',
    trigger: settings.verdictTriggers?.[quality as keyof typeof settings.verdictTriggers] !== undefined,
  }
  return FollowUp.shape.kind.options.flatMap((kind) => (wanted[kind] ? [{ kind }] : []))
}
