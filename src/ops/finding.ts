import { describeClass } from '../wire/class-text.ts'

/** Something that is not alright, by kind. */
export type Finding =
  | { readonly kind: 'no_worker' | 'queue_away' | 'no_portal' }
  | {
      readonly kind: 'gate_closed' | 'cap_reached'
      readonly message: string | null
      readonly hint: string | null
      readonly waiting: number
    }
  | { readonly kind: 'parked'; readonly calls: number }
  | { readonly kind: 'batch_parked'; readonly id: string; readonly workflow: string; readonly class: string | null }

/** A sentence for a person, with the mend. */
export function tellFinding(finding: Finding): string {
  switch (finding.kind) {
    case 'no_worker':
      return 'No worker is alive: calls are taken in, but nothing works on them. Start `callsift serve` or `callsift work`.'
    case 'queue_away':
      return 'The queue does not answer. Calls are taken in and go on when it is back.'
    case 'no_portal':
      return 'No portal has been added yet. Add one with `callsift portal add`.'
    case 'gate_closed':
      return `${finding.message}. Steps waiting behind it: ${finding.waiting}.`
    case 'cap_reached':
      return `${finding.message}. ${finding.waiting} steps wait. ${finding.hint ?? ''}`.trim()
    case 'parked':
      return `${finding.calls} calls are parked and need a person.`
    case 'batch_parked':
      return `Batch ${finding.id} (${finding.workflow}) is parked: ${describeClass(finding.class ?? '').title}. See: callsift batch show ${finding.id}`
  }
}
