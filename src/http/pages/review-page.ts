import type { DoubtfulVerdict } from '../../db/reviews.ts'
import { mayAct } from '../../ops/operation.ts'
import { type ShownDraft, settledDrafts, waitingDrafts } from './draft-cards.ts'
import { clock, moment } from './format.ts'
import { frame } from './frame.ts'
import { html } from './html.ts'
import { qualityWord } from './parts.ts'
import { reviewForms } from './review-forms.ts'
import type { View } from './view.ts'
import { doubtWords } from './words/doubt-words.ts'

/** Verdicts and drafted texts that a person should look at, the oldest first. */
export function reviewPage(
  view: View,
  facts: {
    verdicts: readonly DoubtfulVerdict[]
    nextCursor: string | null
    waiting: readonly ShownDraft[]
    settled: readonly ShownDraft[]
  },
): string {
  const { words } = view.language
  const cards = facts.verdicts.map(
    (one) =>
      html`<article class="card wide"><h2><a href="/calls/${one.callId}">${one.phone ?? `${words.call} ${one.callId}`}</a> <span class="score ${one.quality}"><b>${one.score}</b> ${qualityWord(words, one.quality)}</span></h2><p class="dim">${one.portalId} · ${moment(view, one.createdAt)}${one.durationSeconds !== null && ` · ${clock(one.durationSeconds)}`}</p><p>${one.reason}</p><div class="note warn"><strong>${words.doubtsTitle}</strong><ul>${one.doubts.map((doubt) => html`<li>${doubtWords(view.language, doubt)}</li>`)}</ul></div>${mayAct(view.visitor, 'operator') && reviewForms(view, one)}</article>`,
  )
  const verdicts =
    cards.length > 0
      ? html`<h1>${words.reviewTitle}</h1><p class="dim">${words.reviewHint}</p><div class="cards wide">${cards}</div>`
      : html`<h1>${words.navReview}</h1>${facts.waiting.length === 0 && html`<p class="panel empty">${words.reviewNone}</p>`}`
  const body = html`${verdicts}${facts.nextCursor !== null && html`<nav class="pages"><a class="button" href="/review?cursor=${facts.nextCursor}" rel="next">${words.nextPage}</a></nav>`}${waitingDrafts(view, facts.waiting)}${settledDrafts(view, facts.settled)}`
  return frame(view, { title: words.navReview, tab: 'review', body })
}
