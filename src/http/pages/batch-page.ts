import type { listBatchRows } from '../../db/batches.ts'
import type { BatchTold } from '../../ops/batch-progress.ts'
import { writeInputLines } from '../../ops/read-options.ts'
import { batchState, batchVerbs, progressOf, slotOf } from './batch-parts.ts'
import { qualityBar } from './charts.ts'
import { moment, money, number } from './format.ts'
import { frame } from './frame.ts'
import { type Html, html } from './html.ts'
import { count, entity, qualityWord, runState, stepName } from './parts.ts'
import type { View } from './view.ts'
import { classWords } from './words/class-words.ts'
import { doubtWords } from './words/doubt-words.ts'
import { workflowWord } from './words/work-words.ts'

type Row = Awaited<ReturnType<typeof listBatchRows>>[number]

export interface BatchFacts {
  readonly batch: BatchTold & {
    readonly steps: readonly {
      readonly name: string
      readonly state: string
      readonly class: string | null
      readonly message: string | null
    }[]
    readonly runs: readonly { readonly state: Row['state']; readonly class: string | null; readonly runs: number }[]
  }
  readonly rows: readonly Row[]
  readonly nextAfterId: string | null
  /** Of the portal, to link a lead into it. */
  readonly domain: string | null
}

/** One run over many records: how far it is, what failed and why, its report, and a row for each record. */
export function batchPage(view: View, facts: BatchFacts): string {
  const { words } = view.language
  const { batch } = facts
  const { filter, others } = writeInputLines(batch.input)
  const pairs: [string, Html | string | null][] = [
    [words.portal, batch.portalId],
    [words.began, html`${moment(view, batch.createdAt)} · ${slotOf(view, batch)}`],
    [words.finished, moment(view, batch.finishedAt)],
    [words.filterWord, filter === '' ? words.allRecords : html`<code>${filter.split('\n').join(', ')}</code>`],
    [words.optionsWord, others === '' ? null : html`<code>${others.split('\n').join(', ')}</code>`],
  ]
  const body = html`<p class="crumbs"><a href="/batches">${words.navBatches}</a> / ${batch.id}</p>
<div class="head call"><div><h1>${workflowWord(view.language, batch.verb)} № ${batch.id}</h1></div><div class="actions">${batchState(view, batch)}${batchVerbs(view, batch)}</div></div>
<div class="two even"><section class="panel" aria-labelledby="how-title"><h2 id="how-title">${words.progress}</h2>${progressOf(view, batch)}<dl class="pairs">${pairs.map(([name, value]) => value !== null && html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl><ul class="log">${batch.steps.map(
    (step) =>
      html`<li><b>${stepName(words, step.name)}</b> ${runState(view, { state: stateOf(step.state), class: null })}${step.class !== null && html` ${classWords(view.language, step.class).title}<small>${classWords(view.language, step.class).mend}</small>`}</li>`,
  )}</ul></section>
<section class="panel" aria-labelledby="report-title"><div class="head"><h2 id="report-title">${words.report}</h2>${batch.report !== null && html`<a class="quiet" href="/batches/${batch.id}/report.json">JSON</a>`}</div>${batch.report === null ? html`<p class="dim">${words.reportLater}</p>` : reportList(view, batch.report)}${failures(view, facts)}</section></div>
${facts.rows.length > 0 && rowTable(view, facts)}`
  return frame(view, { title: `${words.batch} ${batch.id}`, tab: 'batches', body })
}

const stateOf = (state: string): Row['state'] =>
  state === 'done' || state === 'parked' || state === 'cancelled' ? state : 'running'

function failures(view: View, { batch }: BatchFacts): Html | false {
  const failed = batch.runs.filter((one) => one.state === 'parked')
  return (
    failed.length > 0 &&
    html`<h3>${view.language.words.needsAction}</h3><ul class="log">${failed.map((one) => {
      const text = classWords(view.language, one.class ?? '')
      return html`<li><b class="bad">${count(view, one.runs)}</b> ${text.title}<small>${text.mend}</small></li>`
    })}</ul>`
  )
}

/** Figures under their words; those of a workflow that has none here under its own names. */
function reportList(view: View, report: Readonly<Record<string, unknown>>): Html {
  const { words } = view.language
  const quality = report['quality'] as { high: number; medium: number; low: number } | undefined
  const isMix = typeof quality === 'object' && quality !== null && typeof quality.high === 'number'
  const named: Readonly<Record<string, string>> = {
    found: words.looked,
    unchanged: words.unchangedWord,
    queued: words.queuedWord,
    judged: words.judgedWord,
    written: words.writtenWord,
    observed: words.entryObserved,
    gone: words.goneWord,
    needReview: words.needsReview,
    tokens: words.tokens,
    cost: words.cost,
    costAtMost: words.costAtMost,
    stoppedBy: words.stoppedByLimit,
  }
  const rows = Object.entries(report).flatMap(([name, value]) => {
    if (typeof value !== 'number' && typeof value !== 'string') return []
    if (name === 'micros' || name === 'currency') return []
    const told = /^cost/.test(name)
      ? money(view, Number(value) * 1_000_000)
      : typeof value === 'number'
        ? number(view, value, 2)
        : value
    return [html`<div><dt>${named[name] ?? name}</dt><dd>${told}</dd></div>`]
  })
  return html`${report['dryRun'] === true && html`<p class="note">${words.onlyCounted}</p>`}${isMix && qualityBar(view, quality)}<dl class="pairs wide">${rows}</dl>`
}

function rowTable(view: View, facts: BatchFacts): Html {
  const { words } = view.language
  return html`<section class="panel scroll" aria-label="${words.rows}"><table class="stacked list"><thead><tr><th scope="col">${words.record}</th><th scope="col">${words.result}</th><th scope="col">${words.state}</th><th scope="col">${words.reason}</th></tr></thead><tbody>${facts.rows.map((row) => rowOf(view, row, facts.domain))}</tbody></table></section>${facts.nextAfterId !== null && html`<nav class="pages"><a class="button" href="/batches/${facts.batch.id}?after=${facts.nextAfterId}" rel="next">${words.moreRows}</a></nav>`}`
}

function rowOf(view: View, row: Row, domain: string | null): Html {
  const { words } = view.language
  const { leadId, quality, score, reason, doubts, written, ended, ...others } = row.outputs
  const isLead = typeof leadId === 'number'
  const why = [written, ended].find((one) => typeof one === 'string') as string | undefined
  return html`<tr><td>${isLead ? entity(view, { entityTypeId: 1, entityId: String(leadId), domain }) : `№ ${row.id}`}</td><td>${
    typeof quality === 'string' && typeof score === 'number'
      ? html`<span class="score ${quality}"><b>${score}</b> ${qualityWord(words, quality)}</span>`
      : '–'
  }${Array.isArray(doubts) && doubts.length > 0 && html`<small class="warn">${words.needsReview}</small>`}</td><td>${runState(view, { state: row.state, class: null })}<small>${row.class !== null ? classWords(view.language, row.class).title : why !== undefined && endWord(view, why)}</small></td><td>${
    typeof reason === 'string' ? reason : !isLead && html`<code>${JSON.stringify(others).slice(0, 400)}</code>`
  }${Array.isArray(doubts) && doubts.map((doubt) => html`<small class="warn">${doubtWords(view.language, String(doubt))}</small>`)}</td></tr>`
}

function endWord(view: View, word: string): string {
  const { words } = view.language
  const known: Readonly<Record<string, string>> = {
    written: words.writtenWord,
    found: words.writtenWord,
    observed: words.entryObserved,
    lead_gone: words.goneWord,
    unchanged: words.unchangedWord,
  }
  return known[word] ?? word.replaceAll('_', ' ')
}
