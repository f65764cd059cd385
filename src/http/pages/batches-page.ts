import type { BulkRetry } from '../../db/bulk-retries.ts'
import type { BatchTold } from '../../ops/batch-progress.ts'
import { mayAct } from '../../ops/operation.ts'
import { optionFields, whichFields } from './batch-forms.ts'
import { batchState, batchVerbs, progressOf, slotOf } from './batch-parts.ts'
import { bulkCard } from './bulk-card.ts'
import { age, moment } from './format.ts'
import { frame } from './frame.ts'
import { type Html, html } from './html.ts'
import { newSchedule, type ScheduleLine, scheduleCard } from './schedule-card.ts'
import type { View } from './view.ts'
import { workflowWord } from './words/work-words.ts'
import { botSection, type Works } from './work-sections.ts'

export interface BatchesFacts extends Works {
  readonly batches: readonly BatchTold[]
  readonly schedules: readonly ScheduleLine[]
  readonly retries: readonly BulkRetry[]
  readonly portals: readonly { readonly id: string; readonly name: string; readonly reconciledAt: Date | null }[]
  /** What may be started: `score-leads`. */
  readonly verbs: readonly string[]
  /** One key a page: a form that is sent twice does its thing once. */
  readonly key: string
}

/** Runs over many records, by hand and by schedule; the schedules; and retries of many calls. */
export function batchesPage(view: View, facts: BatchesFacts): string {
  const { words } = view.language
  const admin = mayAct(view.visitor, 'admin')
  const body = html`<h1>${words.batchesTitle}</h1>
<section class="panel" aria-labelledby="runs-title"><h2 id="runs-title">${words.batchRuns}</h2>${
    facts.batches.length === 0
      ? html`<p class="dim">${words.batchRunsNone}</p>`
      : html`<div class="scroll"><table class="stacked list"><thead><tr><th scope="col">${words.batch}</th><th scope="col">${words.state}</th><th scope="col">${words.progress}</th><th scope="col">${words.began}</th><th scope="col">${words.actions}</th></tr></thead><tbody>${facts.batches.map((batch) => batchRow(view, batch))}</tbody></table></div>`
  }${admin && facts.portals.length > 0 && facts.verbs.length > 0 && startForm(view, facts)}</section>
${botSection(view, facts)}
<section aria-labelledby="schedules-title"><h2 id="schedules-title">${words.schedules}</h2><div class="cards wide">${facts.schedules.map((one) => scheduleCard(view, one, facts.key))}<article class="card"><h3>${words.reconcile}</h3><p class="dim">${words.everyTenMinutes}</p><ul class="log">${facts.portals.map(
    (portal) =>
      html`<li><b>${portal.name}</b> · ${words.lastRun} ${portal.reconciledAt === null ? words.never : html`${age(view, portal.reconciledAt)} ${words.ago}`}</li>`,
  )}</ul></article></div>${admin && facts.portals.length > 0 && facts.verbs.length > 0 && newSchedule(view, facts)}</section>
<section aria-labelledby="retries-title"><h2 id="retries-title">${words.retriesOfMany}</h2>${
    facts.retries.length === 0
      ? html`<p class="panel empty">${words.batchesNone}</p>`
      : html`<div class="cards wide">${facts.retries.map((retry) => bulkCard(view, retry))}</div>`
  }</section>`
  return frame(view, { title: words.navBatches, tab: 'batches', body, live: true })
}

function batchRow(view: View, batch: BatchTold): Html {
  const { words } = view.language
  return html`<tr id="batch-${batch.id}"><td><a class="main" href="/batches/${batch.id}">№ ${batch.id} ${workflowWord(view.language, batch.verb)}</a><small>${batch.portalId} · ${slotOf(view, batch)}</small></td><td>${batchState(view, batch)}</td><td>${progressOf(view, batch)}</td><td>${moment(view, batch.createdAt)}${batch.finishedAt !== null && html`<small>${words.finished} ${moment(view, batch.finishedAt)}</small>`}</td><td>${batchVerbs(view, batch)}</td></tr>`
}

function startForm(view: View, facts: BatchesFacts): Html {
  const { words } = view.language
  return html`<details><summary>${words.startNow}</summary><form method="post" action="/batches" class="fields"><input type="hidden" name="key" value="${facts.key}-start">${whichFields(view, facts)}${optionFields(view, {})}<label class="check whole"><input type="checkbox" name="dryRun" value="true"> ${words.onlyCount}</label><button class="primary">${words.startNow}</button></form></details>`
}
