import type { BatchTold } from '../../ops/batch-progress.ts'
import { mayAct } from '../../ops/operation.ts'
import { money } from './format.ts'
import { type Html, html } from './html.ts'
import { action, count, runState, state, stepName } from './parts.ts'
import type { View } from './view.ts'
import { classWords } from './words/class-words.ts'

export function batchState(view: View, batch: BatchTold): Html {
  const { words } = view.language
  if (batch.state === 'running' && batch.paused) return state('idle', words.paused)
  return runState(view, { state: batch.state, class: null })
}

/** What began it: a schedule's name, or a person. The key is `portal slot`. */
export function slotOf(view: View, batch: Pick<BatchTold, 'key' | 'portalId'>): string {
  const slot = batch.key.startsWith(`${batch.portalId} `) ? batch.key.slice(batch.portalId.length + 1) : batch.key
  const [name = '', next = ''] = slot.split(' ')
  const { words } = view.language
  if (name === 'by' && next === 'hand') return words.byHand
  return `${words.schedule} ${name}${next === 'by' ? `, ${words.byHand}` : ''}`
}

/** A bar while it runs, then what came of it in one line. */
export function progressOf(view: View, batch: BatchTold): Html {
  const { words } = view.language
  const { progress, report, stopped } = batch
  if (stopped !== null) {
    return html`<span class="bad">${classWords(view.language, stopped.class ?? '').title}</span><small>${stepName(words, stopped.step)}</small>`
  }
  if (report !== null) return html`${reportLine(view, report)}`
  const all = Math.max(progress.total ?? 0, progress.runs, 1)
  const told = [
    `${count(view, progress.found)}${progress.total === null ? '' : ` / ${count(view, progress.total)}`} ${words.looked}`,
    `${count(view, progress.ended)} / ${count(view, progress.runs)} ${words.judgedWord}`,
    ...(progress.failed > 0 ? [`${count(view, progress.failed)} ${words.failedWord}`] : []),
  ].join(' · ')
  const share = ((progress.found - progress.runs + progress.ended) / all) * 100
  return html`${batch.state === 'running' && html`<progress max="100" value="${Math.min(100, Math.max(0, share)).toFixed(1)}" aria-label="${words.progress} ${batch.id}"></progress>`}<small>${told}</small>`
}

function reportLine(view: View, report: Readonly<Record<string, unknown>>): string {
  const { words } = view.language
  const number = (name: string) => (typeof report[name] === 'number' ? report[name] : null)
  const told = (name: string, word: string) => {
    const n = number(name)
    return n === null ? [] : [`${count(view, n)} ${word}`]
  }
  if (report['dryRun'] === true) {
    const cost = number('costAtMost')
    return [
      words.dryRun,
      ...told('queued', words.wouldBeJudged),
      ...(cost === null ? [] : [`≤ ${money(view, cost * 1_000_000)}`]),
    ].join(' · ')
  }
  const cost = number('cost')
  const failed = Object.values((report['failures'] ?? {}) as Record<string, number>).reduce((sum, n) => sum + n, 0)
  return [
    ...told('judged', words.judgedWord),
    ...told('unchanged', words.unchangedWord),
    ...(failed > 0 ? [`${count(view, failed)} ${words.failedWord}`] : []),
    ...(cost === null ? [] : [money(view, cost * 1_000_000)]),
  ].join(' · ')
}

/** Pause or go on, end it, and its files. */
export function batchVerbs(view: View, batch: BatchTold): Html {
  const { words } = view.language
  const at = `/batches/${batch.id}`
  const runs = batch.state === 'running'
  const may = mayAct(view.visitor, 'operator')
  return html`<div class="row">${may && runs && (batch.paused ? action(`${at}/resume`, words.goOn, { kind: 'primary' }) : action(`${at}/pause`, words.rest))}${may && (runs || batch.state === 'parked') && action(`${at}/cancel`, words.endIt, { kind: 'danger' })}<a class="button quiet" href="${at}/rows.csv">${words.csv}</a></div>`
}
