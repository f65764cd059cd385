import { createHash } from 'node:crypto'
import type { CallVerdict } from '../../src/db/lead-scores.ts'
import type { Vibecode } from '../../src/vibecode/client.ts'
import type { Comment, CrmEntity } from '../../src/wire/crm.ts'
import { maskPeople } from '../judge/mask-people.ts'
import type { Rubric } from '../rubrics/rubric.ts'

const longestField = 8_000
const longestComment = 2_000

/** The newest comments of the lead's timeline, where the rubric wants them; none otherwise, and then nothing is asked. */
export async function readComments(vibecode: Vibecode, leadId: number, rubric: Rubric): Promise<Comment[]> {
  return rubric.timeline === undefined ? [] : await vibecode.leads.newestComments(leadId, rubric.timeline)
}

/** What the model sees of a lead, and the hash by which a lead that looks the same to it is not judged again. */
export function seeLead(
  lead: CrmEntity,
  beside: { readonly lastCall: CallVerdict | undefined; readonly comments: readonly Comment[] },
  rubric: Rubric,
  mask: boolean,
): { text: string; hash: string } {
  const lines = (rubric.fields ?? []).flatMap((name) => {
    const value = tell(lead[name])
    return value === '' ? [] : [`${name}: ${value}`]
  })
  const { lastCall } = beside
  // As it was written: the oldest first.
  for (const { created, comment } of [...beside.comments].reverse()) {
    const said = tell(comment).slice(0, longestComment)
    if (said !== '') lines.push(`timeline ${created?.slice(0, 10) ?? ''}: ${said}`.replace(' :', ':'))
  }
  if (lastCall !== undefined) lines.push(`last call: ${lastCall.quality}, ${lastCall.score} of 100: ${lastCall.reason}`)
  const told = lines.length === 0 ? '(all fields are empty)' : lines.join('\n')
  const text = mask ? maskPeople(told).text : told
  return { text, hash: createHash('sha256').update(`${rubric.id}\n${text}`).digest('hex') }
}

function tell(value: unknown): string {
  if (value === null || value === undefined) return ''
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value)
  return text.trim().slice(0, longestField)
}
