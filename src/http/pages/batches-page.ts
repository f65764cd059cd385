import type { BulkRetry } from '../../db/bulk-retries.ts'
import type { Status } from '../../ops/status.ts'
import { age, moment } from './format.ts'
import { frame } from './frame.ts'
import { type Html, html } from './html.ts'
import { count, stepName } from './parts.ts'
import type { View } from './view.ts'
import type { Words } from './words/en.ts'
import { botSection, runSection, scheduleList, type Works } from './work-sections.ts'

/** Retries of many calls with their progress, and what runs by itself. */
export function batchesPage(
  view: View,
  facts: { retries: readonly BulkRetry[]; portals: Status['portals']; works: Works },
): string {
  const { words } = view.language
  const body = html`<h1>${words.batchesTitle}</h1><h2>${words.retriesOfMany}</h2>${
    facts.retries.length === 0
      ? html`<p class="panel empty">${words.batchesNone}</p>`
      : html`<div class="cards wide">${facts.retries.map((retry) => bulkCard(view, retry))}</div>`
  }${runSection(view, facts.works)}${botSection(view, facts.works)}<h2>${words.schedules}</h2>${scheduleList(view, facts.works)}<section class="panel"><h3>${words.reconcile} <small>${words.everyTenMinutes}</small></h3><ul class="log">${facts.portals.map(
    (portal) =>
      html`<li><b>${portal.name}</b> ${words.lastRun} ${portal.reconciledAt === null ? words.never : age(view, portal.reconciledAt)}</li>`,
  )}</ul></section>`
  return frame(view, { title: words.navBatches, tab: 'batches', body, live: true })
}

function bulkCard(view: View, retry: BulkRetry): Html {
  const { words } = view.language
  const share = retry.total === 0 ? 100 : (retry.done / retry.total) * 100
  const told = Object.entries(retry.outcomes).map(([outcome, n]) => `${count(view, n)} ${outcomeWord(words, outcome)}`)
  const filter = Object.entries((retry.filter ?? {}) as Record<string, unknown>).filter(([, value]) => value != null)
  return html`<article class="card wide" id="bulk-${retry.id}" data-bulk="${retry.id}"><h3>№ ${retry.id} · <span class="done">${count(view, retry.done)}</span> / ${count(view, retry.total)} ${words.callsFound}${retry.from !== null && html` · ${words.bulkFrom} «${stepName(words, retry.from)}»`}</h3><progress max="100" value="${share.toFixed(1)}" aria-label="${words.progress}"></progress><p class="dim">${words.by} <b>${retry.actor}</b> ${moment(view, retry.createdAt)}${retry.finishedAt !== null && html` · ${words.finished} ${moment(view, retry.finishedAt)}`}${retry.reason !== null && html` · ${retry.reason}`}</p><p>${told.join(', ')}</p><p class="dim">${words.filterWord}: <code>${filter.map(([name, value]) => `${name}=${String(value)}`).join(' ')}</code></p></article>`
}

function outcomeWord(words: Words, outcome: string): string {
  const key = `out_${outcome}`
  return Object.hasOwn(words, key) ? words[key as keyof Words] : outcome.replaceAll('_', ' ')
}
