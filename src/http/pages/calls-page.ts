import type { CallFilterInput } from '../../ops/call-filter.ts'
import type { CallLine } from '../../ops/call-list.ts'
import type { CauseLine } from '../../ops/causes.ts'
import { mayAct } from '../../ops/operation.ts'
import type { Overview } from '../../ops/overview.ts'
import { callRow } from './call-row.ts'
import { causeCard } from './cause-card.ts'
import { hourBars, qualityBar } from './charts.ts'
import { money, span } from './format.ts'
import { frame } from './frame.ts'
import { gateBanners } from './gate-banner.ts'
import { type Html, html } from './html.ts'
import { callSteps, count, select, stepName } from './parts.ts'
import type { View } from './view.ts'
import { classWords } from './words/class-words.ts'

export interface CallsFacts {
  readonly filter: CallFilterInput
  readonly calls: readonly CallLine[]
  readonly nextCursor: string | null
  readonly cursor: string | undefined
  readonly counts: Readonly<Record<'running' | 'done' | 'parked' | 'cancelled', number>>
  readonly causes: readonly CauseLine[]
  readonly overview: Overview
  /** As they are now; the overview may be some seconds old. */
  readonly gates: Overview['status']['gates']
  readonly portals: readonly { readonly id: string; readonly name: string }[]
  readonly webhook: string
}

const states = ['running', 'done', 'parked', 'cancelled'] as const

export function queryOf(filter: CallFilterInput, change: Record<string, string | undefined> = {}): string {
  const all = Object.entries({ ...filter, ...change })
  const kept = new URLSearchParams()
  for (const [name, value] of all) if (value !== undefined && value !== '') kept.set(name, value)
  return kept.size === 0 ? '' : `?${kept.toString()}`
}

/** The list of calls: figures and causes above it, then filters, then rows that follow what happens. */
export function callsPage(view: View, facts: CallsFacts): string {
  const { words } = view.language
  const isFiltered = Object.values(facts.filter).some((value) => value !== undefined && value !== '')
  const open = facts.causes.filter((cause) => cause.status === 'open' || cause.status === 'regressed')
  const body = html`<h1 class="hidden">${words.navCalls}</h1>${gateBanners(view, facts.gates)}
${!isFiltered && figures(view, facts)}
${!isFiltered && open.length > 0 && html`<section aria-labelledby="causes-title"><div class="head"><h2 id="causes-title">${words.failuresByCause}</h2><a href="/causes">${words.allCauses}</a></div><div class="cards">${open.slice(0, 6).map((cause) => causeCard(view, cause, { brief: true, level: 3 }))}</div></section>`}
${filters(view, facts)}
${facts.calls.length === 0 ? nothing(view, facts, isFiltered) : table(view, facts)}`
  return frame(view, { title: words.navCalls, tab: 'calls', body, live: true })
}

function figures(view: View, { overview, counts }: CallsFacts): Html {
  const { words } = view.language
  const calls = overview.perHour.reduce((sum, hour) => sum + hour.calls, 0)
  const judged = overview.high + overview.medium + overview.low
  const selfHealing = overview.status.causes
    .filter((cause) => cause.state !== 'parked')
    .reduce((sum, cause) => sum + cause.runs, 0)
  return html`<dl class="figures"><div><dt>${words.callsPerDay}</dt><dd><b>${count(view, calls)}</b>${hourBars(view, overview.perHour, { small: true })}</dd></div>
<div><dt>${words.needsAction}</dt><dd><b class="${counts.parked > 0 ? 'bad' : ''}">${count(view, counts.parked)}</b><small>${words.retryingThemselves}: ${count(view, selfHealing)}</small></dd></div>
<div><dt>${words.webhookToTimeline}</dt><dd><b>${overview.p95Ms === null ? '–' : span(view, overview.p95Ms)}</b><small>${overview.p50Ms === null ? '' : `${words.median} ${span(view, overview.p50Ms)}`}</small></dd></div>
<div><dt>${words.leadQuality}</dt><dd>${qualityBar(view, overview)}</dd></div>
<div><dt>${words.aiCost}</dt><dd><b>${overview.costMicros === null ? '–' : money(view, overview.costMicros)}</b><small>${overview.costMicros === null ? words.noPrices : judged > 0 && `${money(view, overview.costMicros / judged)} ${words.perCall}`}</small></dd></div></dl>`
}

function filters(view: View, facts: CallsFacts): Html {
  const { words } = view.language
  const { filter } = facts
  const known = [
    ...new Set([...facts.causes.map((cause) => cause.class), ...(filter.cause === undefined ? [] : [filter.cause])]),
  ]
  const all = states.reduce((sum, one) => sum + facts.counts[one], 0)
  const tab = (one: (typeof states)[number] | undefined, text: string, n: number) =>
    html`<a href="/calls${queryOf(filter, { status: one })}"${filter.status === one && html` aria-current="true"`}>${text} <span>${count(view, n)}</span></a>`
  return html`<form class="filters" action="/calls" role="search"><input type="search" name="q" id="search" value="${filter.q}" placeholder="${words.search}" aria-label="${words.searchLabel}" maxlength="300" autocomplete="off">${
    filter.status !== undefined && html`<input type="hidden" name="status" value="${filter.status}">`
  }${select(
    'cause',
    words.cause,
    words.anyCause,
    known.map((one) => [one, classWords(view.language, one).title] as const),
    filter.cause,
  )}${select(
    'step',
    words.step,
    words.anyStep,
    callSteps.map((one) => [one, stepName(words, one)] as const),
    filter.step,
  )}${select(
    'quality',
    words.quality,
    words.anyQuality,
    (['high', 'medium', 'low'] as const).map((one) => [one, words[one]] as const),
    filter.quality,
  )}${
    facts.portals.length > 1 &&
    select(
      'portal',
      words.portal,
      words.anyPortal,
      facts.portals.map((one) => [one.id, one.name] as const),
      filter.portal,
    )
  }${select(
    'period',
    words.period,
    words.anyTime,
    [
      ['1h', words.last1h],
      ['24h', words.last24h],
      ['7d', words.last7d],
      ['30d', words.last30d],
      ['90d', words.last90d],
    ],
    filter.period,
  )}<button>${words.filter}</button><a class="button quiet" href="/calls">${words.clear}</a></form>
<div class="bar"><nav class="states" aria-label="${words.status}">${tab(undefined, words.all, all)}${states.map((one) => tab(one, words[one], facts.counts[one]))}</nav><a class="quiet" href="/calls.csv${queryOf(filter)}" title="${words.csvWarning}">${words.csv}</a></div>`
}

function table(view: View, facts: CallsFacts): Html {
  const { words } = view.language
  const acts = mayAct(view.visitor, 'operator')
  const hidden = Object.entries(facts.filter).flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [html`<input type="hidden" name="f.${name}" value="${value}">`],
  )
  const shown =
    facts.filter.status === undefined
      ? states.reduce((sum, one) => sum + facts.counts[one], 0)
      : facts.counts[facts.filter.status]
  return html`<p id="fresh" hidden><a class="button" href="/calls${queryOf(facts.filter)}"><span></span> ${words.newCalls}</a></p>
<div class="panel scroll"><table class="calls" id="calls" data-query="${queryOf(facts.filter)}"><thead><tr><th class="pick">${acts && html`<input type="checkbox" id="all" hidden aria-label="${words.selectAllOnPage}">`}</th><th scope="col">${words.status}</th><th scope="col">${words.customer}</th><th scope="col">${words.call}</th><th scope="col">${words.steps}</th><th scope="col">${words.result}</th><th scope="col" class="number">${words.cost}</th><th scope="col" class="number">${words.age}</th></tr></thead><tbody>${facts.calls.map((call) => callRow(view, call))}</tbody></table></div>
<div class="foot">${
    acts &&
    html`<form id="bulk" action="/calls/bulk" method="get">${hidden}<button>${words.retrySelected}<span id="picked"></span></button><label class="check"><input type="checkbox" name="all" value="1"> ${words.allMatching}: ${count(view, shown)}</label></form>`
  }<nav class="pages">${facts.cursor !== undefined && html`<a class="button" href="/calls${queryOf(facts.filter)}">${words.firstPage}</a>`}${
    facts.nextCursor !== null &&
    html`<a class="button" href="/calls${queryOf(facts.filter, { cursor: facts.nextCursor })}" rel="next">${words.nextPage}</a>`
  }</nav></div>`
}

function nothing(view: View, facts: CallsFacts, isFiltered: boolean): Html {
  const { words } = view.language
  if (isFiltered) return html`<p class="panel empty">${words.noMatch}</p>`
  return html`<section class="panel empty"><h2>${words.noCalls}</h2><p>${words.noCallsHint}</p><p><code>${facts.webhook}</code></p></section>`
}
