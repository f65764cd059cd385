import { readCall } from '../../src/db/call-facts.ts'
import { alertManager } from '../follow-ups/alert-manager.ts'
import { attachDialogue } from '../follow-ups/attach-dialogue.ts'
import { bindEntry } from '../follow-ups/bind-entry.ts'
import { fireTrigger } from '../follow-ups/fire-trigger.ts'
import { FollowedUp, FollowUp } from '../follow-ups/follow-ups.ts'
import { JudgedCall } from '../follow-ups/judged-call.ts'
import { setFields } from '../follow-ups/set-fields.ts'
import { step } from '../step.ts'

const deeds = {
  fields: setFields,
  dialogue: attachDialogue,
  bind: bindEntry,
  alert: alertManager,
  trigger: fireTrigger,
} as const

/** Does one thing that the portal wants done beside the entry. Each is a step of its own: one that fails holds up no other. */
export const followUp = step({
  name: 'followUp',
  queue: 'timeline',
  family: 'crm',
  input: JudgedCall.extend({ item: FollowUp }),
  output: FollowedUp,
  async run(context, { item, ...seen }) {
    const { entity } = seen.writeTimeline
    // Follow-ups are chosen only of a call whose entry stands.
    if (entity === null) throw new Error('a follow-up needs the record of the entry')
    const call = await readCall(context.db, seen.run.callId)
    return await deeds[item.kind]({ context, call, entity, seen })
  },
})
