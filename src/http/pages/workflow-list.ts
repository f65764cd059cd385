import type { BatchLine } from '../../db/batches.ts'
import type { Schedule } from '../../db/schedules.ts'
import { mayAct } from '../../ops/operation.ts'
import type { Status } from '../../ops/status.ts'
import { moment } from './format.ts'
import { type Html, html } from './html.ts'
import { action, count, runState, state } from './parts.ts'
import type { View } from './view.ts'
import { batchWords } from './words/batch-words.ts'
import { classWords } from './words/class-words.ts'

export interface WorkflowFacts {
  readonly batches: readonly BatchLine[]
  /** Those that run or need a person, with their figures. */
  readonly open: Status['batches']
  readonly schedules: readonly Schedule[]
}

/** Every workflow over many records, by hand and by schedule, the newest first; what runs can be paused and ended. */
export function workflowList(view: View, { batches, open }: WorkflowFacts): Html {
  const told = batchWords(view.language)
  return html`<h2>${told.workflows}</h2>${
    batches.length === 0
      ? html`<p class="panel empty">${told.none}</p>`
      : html`<div class="cards wide">${batches.map((batch) =>
          batchCard(
            view,
            batch,
            open.find((one) => one.id === batch.id),
          ),
        )}</div>`
  }`
}

function batchCard(view: View, batch: BatchLine, figures: Status['batches'][number] | undefined): Html {
  const { words } = view.language
  const told = batchWords(view.language)
  const running = batch.state === 'running'
  const at = `/batches/${batch.id}`
  const why = batch.class === null ? null : classWords(view.language, batch.class)
  return html`<article class="card wide" id="batch-${batch.id}"><h3>№ ${batch.id} · ${batch.workflow} · ${batch.portalId} ${
    running && batch.paused ? state('idle', told.paused) : runState(view, { state: batch.state, class: batch.class })
  }</h3>${
    figures !== undefined &&
    html`<progress max="${Math.max(1, figures.runs)}" value="${figures.runs - figures.openRuns}" aria-label="${words.progress}"></progress><p>${count(view, figures.runs - figures.openRuns)} / ${count(view, figures.runs)} ${told.runs}</p>`
  }<p class="dim">${moment(view, batch.createdAt)}${batch.finishedAt !== null && html` · ${words.finished} ${moment(view, batch.finishedAt)}`}</p>${
    why !== null && batch.state === 'parked' && html`<p><strong>${why.title}.</strong> ${why.mend}</p>`
  }${
    mayAct(view.visitor, 'operator') &&
    (running || batch.state === 'parked') &&
    html`<div class="actions">${running && (batch.paused ? action(`${at}/resume`, told.resume) : action(`${at}/pause`, told.pause))}${action(`${at}/cancel`, told.cancel, { kind: 'danger' })}</div>`
  }</article>`
}

/** What begins by itself, when next, and what came of the last time. */
export function scheduleList(view: View, schedules: readonly Schedule[]): Html {
  const { words } = view.language
  const told = batchWords(view.language)
  return html`${schedules.map((one) => {
    const { leftOut } = (one.lastResult ?? {}) as { leftOut?: string }
    return html`<section class="panel"><h3>${one.name} <small>${one.workflow} · ${one.portalId} · <code>${one.cron}</code> ${one.timeZone}${one.environment !== null && html` · ${told.fromEnvironment}`}</small></h3><ul class="log"><li>${one.paused ? told.paused : html`${told.next} ${moment(view, one.dueAt)}`}</li><li>${words.lastRun} ${one.lastRunAt === null ? words.never : moment(view, one.lastRunAt)}${leftOut !== undefined && html` · ${told.leftOut}: ${leftOut}`}</li></ul></section>`
  })}`
}
