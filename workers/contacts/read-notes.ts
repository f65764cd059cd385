import type { Vibecode } from '../../src/vibecode/client.ts'
import type { CrmEntity } from '../../src/wire/crm.ts'
import { entityTypeIds } from '../../src/wire/crm.ts'
import type { ContactRubric } from '../rubrics/contact-rubric.ts'
import { tellField } from '../tell-field.ts'

/** Of each kind the newest; what was said a hundred notes ago is not how to reach somebody. */
const mostEntries = 50
export const longestNotes = 12_000
/** The last line of an entry of our own: what a model wrote is no source. */
const ownEntry = /\nref: [0-9a-f]{8}\s*$/

/**
 * All that people wrote about a record: its own fields, the comments and the entries of its timeline, newest first within each, bounded.
 * Entries that this program wrote itself are left out.
 */
export async function readNotes(
  vibecode: Vibecode,
  of: 'leads' | 'contacts',
  record: CrmEntity,
  rubric: ContactRubric,
): Promise<string> {
  const entityType = of === 'leads' ? 'lead' : 'contact'
  const lines = rubric.fields.flatMap((name) => {
    const value = tellField(record[name])
    return value === '' ? [] : [value]
  })
  const comments = await vibecode.comments.list({ entityType, entityId: record.id })
  for (const comment of [...comments].sort((one, other) => other.id - one.id).slice(0, mostEntries))
    if (comment.comment !== null) lines.push(comment.comment)
  lines.push(...(await readEntries(vibecode, entityTypeIds[entityType], record.id)))
  return lines.join('\n').slice(0, longestNotes)
}

async function readEntries(vibecode: Vibecode, entityTypeId: number, entityId: number): Promise<string[]> {
  const lines: string[] = []
  let read = 0
  for (let start: number | null = 0; start !== null && read < mostEntries; ) {
    const page = await vibecode.timeline.list({ entityTypeId, entityId, start })
    read += page.entries.length
    for (const { title, text } of page.entries)
      if (text !== null && !ownEntry.test(text)) lines.push(title === null ? text : `${title}: ${text}`)
    start = page.nextStart
  }
  return lines
}
