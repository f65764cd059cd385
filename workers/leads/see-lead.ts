import { createHash } from 'node:crypto'
import type { CallVerdict } from '../../src/db/lead-scores.ts'
import type { Vibecode } from '../../src/vibecode/client.ts'
import type { CrmEntity, TimelineComment } from '../../src/wire/crm.ts'
import { maskPeople } from '../judge/mask-people.ts'
import type { Rubric } from '../rubrics/rubric.ts'
import { tellField } from '../tell-field.ts'

const longestComment = 2_000

/** The newest comments of the lead's timeline, where the rubric wants them; none otherwise, and then nothing is asked. */
export async function readComments(vibecode: Vibecode, leadId: number, rubric: Rubric): Promise<TimelineComment[]> {
  if (rubric.timeline === undefined) return []
  return await vibecode.comments.list({ entityType: 'lead', entityId: leadId, limit: rubric.timeline })
}

/** What the model sees of a lead, and the hash by which a lead that looks the same to it is not judged again. */
export function seeLead(
  lead: CrmEntity,
  beside: { readonly lastCall: CallVerdict | undefined; readonly comments: readonly TimelineComment[] },
  rubric: Rubric,
  mask: boolean,
): { text: string; hash: string } {
  const lines = (rubric.fields ?? []).flatMap((name) => {
    const value = tellField(lead[name])
    return value === '' ? [] : [`${name}: ${value}`]
  })
  const { lastCall } = beside
  // As it was written: the oldest first.
  for (const { created, comment } of [...beside.comments].reverse()) {
    const said = tellField(comment).slice(0, longestComment)
    if (said !== '') lines.push(`timeline ${created?.slice(0, 10) ?? ''}: ${said}`.replace(' :', ':'))
  }
  if (lastCall !== undefined) lines.push(`last call: ${lastCall.quality}, ${lastCall.score} of 100: ${lastCall.reason}`)
  const told = lines.length === 0 ? '(all fields are empty)' : lines.join('\n')
  const text = mask ? maskPeople(told).text : told
  return { text, hash: createHash('sha256').update(`${rubric.id}\n${text}`).digest('hex') }
}
