import { createHash } from 'node:crypto'
import type { CallVerdict } from '../../src/db/lead-scores.ts'
import type { CrmEntity } from '../../src/wire/crm.ts'
import { maskPeople } from '../judge/mask-people.ts'
import type { Rubric } from '../rubrics/rubric.ts'
import { tellField } from '../tell-field.ts'

/** What the model sees of a lead, and the hash by which a lead that looks the same to it is not judged again. */
export function seeLead(
  lead: CrmEntity,
  lastCall: CallVerdict | undefined,
  rubric: Rubric,
  mask: boolean,
): { text: string; hash: string } {
  const lines = (rubric.fields ?? []).flatMap((name) => {
    const value = tellField(lead[name])
    return value === '' ? [] : [`${name}: ${value}`]
  })
  if (lastCall !== undefined) lines.push(`last call: ${lastCall.quality}, ${lastCall.score} of 100: ${lastCall.reason}`)
  const told = lines.length === 0 ? '(all fields are empty)' : lines.join('\n')
  const text = mask ? maskPeople(told).text : told
  return { text, hash: createHash('sha256').update(`${rubric.id}\n${text}`).digest('hex') }
}
