import { createHash } from 'node:crypto'
import { type Draft, moveDraft, readDraft } from '../../src/db/drafts.ts'
import type { Collection } from '../../src/vibecode/records.ts'
import type { CallContext } from '../call-context.ts'
import { fieldText } from '../products/see-product.ts'
import { sameText } from './same-text.ts'

/**
 * `found`, `kept`: it stood there already. `returned`: the card was changed by somebody else meanwhile, so a person decides anew.
 * `observed`: writing is off. `gone`: there is no such record, or the draft was decided otherwise.
 */
export type DraftWritten = 'written' | 'found' | 'kept' | 'returned' | 'observed' | 'gone'

/**
 * Puts a draft into its card, or what stood there before back (`undo`), once for each decision. It replaces exactly what it was drafted
 * against: a card that somebody else has changed since is left alone.
 */
export async function writeDraft(context: CallContext, id: string, undo: boolean): Promise<DraftWritten> {
  const { config, db, portal, vibecode } = context
  const draft = await readDraft(db, id)
  const [begun, done] = undo ? (['undoing', 'undone'] as const) : (['approved', 'written'] as const)
  if (draft?.state === done) return 'kept'
  if (draft?.state !== begun) return 'gone'
  const move = (to: Draft['state'], more: { note?: string; oldText?: string } = {}) =>
    moveDraft(db, id, { from: [begun], to, ...more })
  if (!config.write || !portal.writeEnabled) {
    await move(undo ? 'written' : 'waiting', { note: 'writing_off' })
    return 'observed'
  }
  const collection = draft.collection as Collection
  const record = await vibecode.records.get(collection, draft.recordId)
  if (record === null) {
    await move('gone')
    return 'gone'
  }
  const [from, to] = undo ? [draft.text, draft.oldText] : [draft.oldText, draft.text]
  const current = fieldText(record[draft.field])
  if (!sameText(current, from) && !sameText(current, to)) {
    await move(undo ? 'written' : 'waiting', { note: 'card_changed', ...(undo ? {} : { oldText: current }) })
    return 'returned'
  }
  const target = { collection, id: draft.recordId, field: draft.field }
  const { how } = await context.writeOnce({
    key: `draft ${id} ${draft.intentNo}`,
    kind: undo ? 'undo' : 'description',
    intentNo: draft.intentNo,
    marker: createHash('sha256').update(to).digest('hex').slice(0, 16),
    target,
    send: async () => {
      await vibecode.records.patch(collection, draft.recordId, { [draft.field]: to })
      return String(draft.recordId)
    },
    readBack: async () => {
      const now = await vibecode.records.get(collection, draft.recordId)
      return now !== null && sameText(fieldText(now[draft.field]), to) ? String(draft.recordId) : null
    },
  })
  await move(done)
  return how
}
