import { dayBars } from './day-bars.ts'
import { money, number } from './format.ts'
import { dateFormat } from './formatters.ts'
import { frame } from './frame.ts'
import { type Html, html } from './html.ts'
import { count } from './parts.ts'
import { routerKeysPanel } from './router-keys-panel.ts'
import {
  groupUsage,
  type RouterKeyFacts,
  type RouterUsageFacts,
  type Sums,
  sumUsage,
  usageByDay,
} from './router-usage.ts'
import type { View } from './view.ts'

export const routerPeriods = [7, 30, 90] as const

const minutes = (view: View, sums: Sums) => number(view, sums.audioMs / 60_000, 1)
const tokens = (sums: Sums) => sums.promptTokens + sums.completionTokens

/** What went through the AI Router and what it cost, by day, model and key; for administrators the keys with their limits. */
export function routerPage(
  outer: View,
  facts: { usage: RouterUsageFacts; keys: readonly RouterKeyFacts[] | null },
): string {
  const { usage, keys } = facts
  // The router's prices are in a currency of their own.
  const view = { ...outer, currency: usage.currency }
  const { words } = view.language
  const all = sumUsage(usage.rows)
  const period = (days: number) =>
    html`<a href="/router?days=${days}"${usage.days === days && html` aria-current="true"`}>${days} ${words.daysWord}</a>`
  const body = html`<div class="head"><h1>${words.routerTitle}</h1><nav class="states" aria-label="${words.period}">${routerPeriods.map(period)}</nav><a class="button" href="/router.csv?days=${usage.days}">${words.csv}</a></div>
<dl class="figures four"><div><dt>${words.requestsWord}</dt><dd><b>${count(view, all.requests)}</b>${all.estimated > 0 && html`<small>${count(view, all.estimated)} ${words.estimatedWord}</small>`}</dd></div>
<div><dt>${words.tokensWord}</dt><dd><b>${count(view, tokens(all))}</b><small>${count(view, all.promptTokens)} ${words.tokensIn} · ${count(view, all.completionTokens)} ${words.tokensOut}</small></dd></div>
<div><dt>${words.audioMinutes}</dt><dd><b>${minutes(view, all)}</b></dd></div>
<div><dt>${words.cost}</dt><dd><b>${money(view, all.costMicros, 4)}</b></dd></div></dl>
${usage.rows.length === 0 ? html`<p class="panel empty">${words.routerNothing}</p>` : html`${charts(view, usage, all)}${tables(view, usage)}`}
${keys !== null && routerKeysPanel(view, keys)}`
  return frame(outer, { title: words.navRouter, tab: 'router', body })
}

function dayName(view: View, day: string): string {
  const locale = view.language.code === 'ru' ? 'ru-RU' : 'en-GB'
  return dateFormat(locale, { dateStyle: 'medium', timeZone: 'UTC' }).format(new Date(`${day}T00:00:00Z`))
}

function charts(view: View, usage: RouterUsageFacts, all: Sums): Html {
  const { words } = view.language
  const days = usageByDay(usage)
  const asked = days.map(({ day, requests: value }) => ({
    value,
    title: `${dayName(view, day)}: ${count(view, value)}`,
  }))
  const paid = days.map(({ day, costMicros: value }) => ({
    value,
    title: `${dayName(view, day)}: ${money(view, value, 4)}`,
  }))
  const table = html`<div class="scroll" tabindex="0" role="group" aria-label="${words.requestsByDay}"><table><thead><tr><th scope="col">${words.dayWord}</th>${heads(view)}</tr></thead><tbody>${days.map(
    (day) => html`<tr><td><time datetime="${day.day}">${dayName(view, day.day)}</time></td>${cells(view, day)}</tr>`,
  )}</tbody></table></div>`
  return html`<section class="panel" aria-labelledby="asked-title"><h2 id="asked-title">${words.requestsByDay}</h2>${dayBars(`${words.requestsByDay}: ${count(view, all.requests)}`, asked)}<details><summary>${words.asTable}</summary>${table}</details></section>
${all.costMicros > 0 && html`<section class="panel" aria-labelledby="paid-title"><h2 id="paid-title">${words.costByDay}</h2>${dayBars(`${words.costByDay}: ${money(view, all.costMicros, 4)}`, paid)}</section>`}`
}

function tables(view: View, { rows, names }: RouterUsageFacts): Html {
  const { words } = view.language
  const keyName = (id: string) => `${names.keys[id] ?? words.goneKey} (${id})`
  const providerName = (id: string) => names.credentials[id] ?? id
  return html`${table(
    view,
    'model',
    words.byModel,
    words.modelWord,
    groupUsage(rows, (row) => row.model),
  )}${table(
    view,
    'key',
    words.byKey,
    words.keyWord,
    groupUsage(rows, (row) => keyName(row.keyId)),
  )}${table(
    view,
    'provider',
    words.byProvider,
    words.providerKey,
    groupUsage(rows, (row) => providerName(row.credentialId)),
  )}`
}

function table(
  view: View,
  id: string,
  title: string,
  first: string,
  groups: readonly (Sums & { readonly name: string })[],
): Html {
  return html`<section class="panel" aria-labelledby="${id}-title"><h2 id="${id}-title">${title}</h2><div class="scroll" tabindex="0" role="group" aria-labelledby="${id}-title"><table><thead><tr><th scope="col">${first}</th>${heads(view)}</tr></thead><tbody>${groups.map(
    (group) => html`<tr><td>${group.name}</td>${cells(view, group)}</tr>`,
  )}</tbody></table></div></section>`
}

function heads(view: View): Html {
  const { words } = view.language
  const names = [words.requestsWord, words.tokensWord, words.audioMinutes, words.cost]
  return html`${names.map((name) => html`<th scope="col" class="number">${name}</th>`)}`
}

function cells(view: View, sums: Sums): Html {
  const values = [count(view, sums.requests), count(view, tokens(sums)), minutes(view, sums)]
  return html`${[...values, money(view, sums.costMicros, 4)].map((text) => html`<td class="number">${text}</td>`)}`
}
