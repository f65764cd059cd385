import type { BulkRetry } from '../../db/bulk-retries.ts'
import { moment } from './format.ts'
import { type Html, html } from './html.ts'
import { count, stepName } from './parts.ts'
import type { View } from './view.ts'
import type { Words } from './words/en.ts'

/** A retry of many calls with its progress. */
export function bulkCard(view: View, retry: BulkRetry): Html {
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
