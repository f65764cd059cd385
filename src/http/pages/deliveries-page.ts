import type { DeliveryLine } from '../../db/deliveries.ts'
import { moment } from './format.ts'
import { frame } from './frame.ts'
import { html } from './html.ts'
import { select, state } from './parts.ts'
import type { View } from './view.ts'
import { reasonWords } from './words/reason-words.ts'

const tones = { accepted: 'good', duplicate: 'idle', ignored: 'idle', refused: 'bad' } as const
const outcomes = ['accepted', 'duplicate', 'ignored', 'refused'] as const

/** What came in, what was ignored or refused, why, and what mends it. */
export function deliveriesPage(
  view: View,
  facts: {
    deliveries: readonly DeliveryLine[]
    nextCursor: string | null
    outcome: string | undefined
    portal: string | undefined
    portals: readonly { readonly id: string; readonly name: string }[]
  },
): string {
  const { words } = view.language
  const rows = facts.deliveries.map((one) => {
    const why = reasonWords(view.language, one.reason, one.portalId)
    return html`<tr><td>${moment(view, one.receivedAt)}</td><td>${state(tones[one.outcome], words[one.outcome])}</td><td>${one.event ?? one.source}<small>${one.portalId}</small></td><td>${
      one.callId === null ? '' : html`<a href="/calls/${one.callId}">${words.call} ${one.callId}</a>`
    }${why.sentence}${why.mend !== null && html`<small>${why.mend}</small>`}</td></tr>`
  })
  const next = new URLSearchParams()
  for (const [name, value] of Object.entries({
    outcome: facts.outcome,
    portal: facts.portal,
    cursor: facts.nextCursor,
  })) {
    if (value != null) next.set(name, value)
  }
  const body = html`<h1>${words.deliveriesTitle}</h1><form class="filters" action="/deliveries">${select(
    'outcome',
    words.outcome,
    words.anyOutcome,
    outcomes.map((one) => [one, words[one]] as const),
    facts.outcome,
  )}${
    facts.portals.length > 1 &&
    select(
      'portal',
      words.portal,
      words.anyPortal,
      facts.portals.map((one) => [one.id, one.name] as const),
      facts.portal,
    )
  }<button>${words.filter}</button></form>
${
  rows.length === 0
    ? html`<p class="panel empty">${words.none}</p>`
    : html`<div class="panel scroll"><table class="stacked"><thead><tr><th scope="col">${words.received}</th><th scope="col">${words.outcome}</th><th scope="col">${words.event}</th><th scope="col">${words.why}</th></tr></thead><tbody>${rows}</tbody></table></div>`
}${facts.nextCursor !== null && html`<nav class="pages"><a class="button" href="/deliveries?${next.toString()}" rel="next">${words.older}</a></nav>`}`
  return frame(view, { title: words.navDeliveries, tab: 'deliveries', body })
}
