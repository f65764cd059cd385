import { frame } from './frame.ts'
import { html } from './html.ts'
import { callSteps, count, select, stepName } from './parts.ts'
import type { View } from './view.ts'
import type { Words } from './words/en.ts'

export interface BulkPlan {
  readonly matched: number
  readonly accepted: number
  readonly skipped: Readonly<Record<string, number>>
  readonly paid: { readonly again: readonly string[]; readonly ifChanged: readonly string[] }
}

/** Before many calls are retried: how many, which are left alone and why, and what is paid again. */
export function bulkPage(
  view: View,
  facts: {
    plan: BulkPlan
    ids: readonly string[]
    filter: Readonly<Record<string, string>>
    from: string | undefined
    key: string
  },
): string {
  const { words } = view.language
  const { plan } = facts
  const hidden = [
    ...facts.ids.map((id) => html`<input type="hidden" name="ids" value="${id}">`),
    ...Object.entries(facts.filter).map(
      ([name, value]) => html`<input type="hidden" name="f.${name}" value="${value}">`,
    ),
  ]
  const steps = callSteps.map((name) => [name, stepName(words, name)] as const)
  const named = Object.entries(facts.filter)
  const body = html`<p class="crumbs"><a href="/calls">${words.back}</a></p><h1>${words.bulkTitle}</h1>
<section class="panel"><p class="big"><b>${count(view, plan.matched)}</b> ${words.bulkMatched}${named.length > 0 && html` <code>${named.map(([name, value]) => `${name}=${value}`).join(' ')}</code>`}</p><ul><li><b>${count(view, plan.accepted)}</b> ${words.bulkAccepted}</li>${Object.entries(plan.skipped).map(([why, n]) => html`<li>${count(view, n)} ${skipWord(words, why)}: ${words.bulkSkipped}</li>`)}</ul>
<p>${plan.paid.again.length + plan.paid.ifChanged.length === 0 ? words.paidNothing : html`${words.paidAgain}: ${[...plan.paid.again, ...plan.paid.ifChanged].map((name) => stepName(words, name)).join(', ')}`}</p>
<form action="/calls/bulk" method="get" class="fields">${hidden}${facts.ids.length === 0 && html`<input type="hidden" name="all" value="1">`}${select('from', words.bulkFrom, words.bulkFailed, steps, facts.from)}<button>${words.bulkCheck}</button></form>
${
  plan.accepted === 0
    ? html`<p class="note">${words.bulkNothing}</p>`
    : html`<form action="/calls/bulk" method="post" class="fields">${hidden}<input type="hidden" name="from" value="${facts.from}"><input type="hidden" name="key" value="${facts.key}"><label class="whole">${words.bulkReason}<input name="reason" maxlength="300"></label><button class="primary">${words.bulkGo} ${count(view, plan.accepted)}</button></form>`
}</section>`
  return frame(view, { title: words.bulkTitle, tab: 'calls', body })
}

function skipWord(words: Words, why: string): string {
  const key = `skip_${why}`
  return Object.hasOwn(words, key) ? words[key as keyof Words] : why.replaceAll('_', ' ')
}
