import type { Draft } from '../../db/drafts.ts'
import { mayAct } from '../../ops/operation.ts'
import { moment } from './format.ts'
import { type Html, html } from './html.ts'
import { action, state, type Tone } from './parts.ts'
import type { View } from './view.ts'
import { classWords } from './words/class-words.ts'
import { doubtWords } from './words/doubt-words.ts'
import { draftWords } from './words/draft-words.ts'

/** As `draft.list` tells it: what the card needs of a draft. */
export type ShownDraft = Pick<
  Draft,
  | 'id'
  | 'portalId'
  | 'recordId'
  | 'recordName'
  | 'oldText'
  | 'text'
  | 'doubts'
  | 'state'
  | 'note'
  | 'createdAt'
  | 'decidedBy'
  | 'runState'
  | 'runClass'
>

/** Texts that wait for a person, each beside what stands in its card: approve, edit and approve, reject. */
export function waitingDrafts(view: View, drafts: readonly ShownDraft[]): Html | null {
  if (drafts.length === 0) return null
  const words = draftWords(view.language)
  return html`<section id="drafts"><h2>${words.drafts}</h2><p class="dim">${words.draftsHint}</p><div class="cards wide">${drafts.map((draft) => waitingCard(view, draft))}</div></section>`
}

function waitingCard(view: View, draft: ShownDraft): Html {
  const words = draftWords(view.language)
  const { words: common } = view.language
  const note = draft.note === 'card_changed' || draft.note === 'writing_off' ? words[draft.note] : null
  return html`<article class="card wide" id="draft-${draft.id}"><h3>${draft.recordName ?? `${words.product} ${draft.recordId}`}</h3><p class="dim">${draft.portalId} · ${words.product} ${draft.recordId} · ${moment(view, draft.createdAt)}</p>${note !== null && html`<p class="note warn">${note}</p>`}<p class="dim"><strong>${words.before}</strong><br>${draft.oldText.trim() === '' ? words.empty : draft.oldText}</p><p><strong>${words.text}</strong><br>${draft.text}</p>${draft.doubts.length > 0 && html`<div class="note warn"><strong>${common.doubtsTitle}</strong><ul>${draft.doubts.map((doubt) => html`<li>${doubtWords(view.language, doubt)}</li>`)}</ul></div>`}${mayAct(view.visitor, 'operator') && forms(view, draft)}</article>`
}

function forms(view: View, draft: ShownDraft): Html {
  const words = draftWords(view.language)
  const { words: common } = view.language
  const to = `/drafts/${draft.id}/decide`
  return html`<div class="actions">${action(to, common.approve, { fields: { decision: 'approved' }, kind: 'primary' })}${action(to, common.reject, { fields: { decision: 'rejected' } })}</div><details class="correct"><summary>${words.edit}</summary><form method="post" action="${to}" class="fields"><input type="hidden" name="decision" value="approved"><label class="whole">${words.text}<textarea name="text" rows="6" maxlength="20000" required>${draft.text}</textarea></label><button class="primary">${words.approveEdited}</button></form></details>`
}

const tones: Readonly<Partial<Record<Draft['state'], Tone>>> = { written: 'good', approved: 'busy', undoing: 'busy' }

/** What became of the texts that were decided about lately; what stands in a card can be taken back. */
export function settledDrafts(view: View, drafts: readonly ShownDraft[]): Html | null {
  if (drafts.length === 0) return null
  const words = draftWords(view.language)
  const rows = drafts.map((draft) => {
    const parked =
      draft.runState === 'parked' &&
      draft.runClass !== null &&
      (draft.state === 'approved' || draft.state === 'undoing')
    const told = parked
      ? state('bad', classWords(view.language, draft.runClass).title)
      : state(tones[draft.state] ?? 'idle', words[draft.state])
    const note = draft.note === 'card_changed' || draft.note === 'writing_off' ? ` ${words[draft.note]}` : null
    const may = mayAct(view.visitor, 'operator')
    return html`<li id="draft-${draft.id}"><b>${draft.recordName ?? `${words.product} ${draft.recordId}`}</b> <span class="dim">${draft.portalId}${draft.decidedBy !== null && ` · ${draft.decidedBy}`}</span> ${told}${note} ${may && draft.state === 'written' && action(`/drafts/${draft.id}/undo`, words.undo)}${may && parked && action(`/drafts/${draft.id}/retry`, words.retry)}</li>`
  })
  return html`<section class="panel" id="settled-drafts"><h2>${words.settled}</h2><ul class="log">${rows}</ul></section>`
}
