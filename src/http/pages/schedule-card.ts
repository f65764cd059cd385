import type { Schedule } from '../../db/schedules.ts'
import { mayAct } from '../../ops/operation.ts'
import { writeInputLines } from '../../ops/read-options.ts'
import { optionFields, type Startable, whenFields, whichFields } from './batch-forms.ts'
import { age, dateOf, moment } from './format.ts'
import { type Html, html } from './html.ts'
import { action, state } from './parts.ts'
import type { View } from './view.ts'
import { workflowWord } from './words/work-words.ts'

export type ScheduleLine = Schedule

/** When it begins next, what came of the last time, and the form that changes it. */
export function scheduleCard(view: View, schedule: ScheduleLine, key: string): Html {
  const { words } = view.language
  const at = `/schedules/${encodeURIComponent(schedule.name)}`
  const admin = mayAct(view.visitor, 'admin')
  const { filter, others } = writeInputLines(schedule.input)
  const rows: [string, Html | string][] = [
    [words.cron, html`<code>${schedule.cron}</code> ${schedule.timeZone}`],
    [words.portal, schedule.portalId],
    [
      words.nextRun,
      schedule.paused
        ? state('idle', words.paused)
        : html`${moment({ ...view, timeZone: schedule.timeZone }, schedule.dueAt)}`,
    ],
    [words.lastRun, lastRun(view, schedule)],
    [words.filterWord, filter === '' ? words.allRecords : html`<code>${filter.split('\n').join(', ')}</code>`],
    [words.optionsWord, others === '' ? '–' : html`<code>${others.split('\n').join(', ')}</code>`],
  ]
  return html`<article class="card" id="schedule-${schedule.name}"><h3>${schedule.name} <span class="dim">${workflowWord(view.language, schedule.workflow)}</span></h3><dl class="pairs">${rows.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>${
    mayAct(view.visitor, 'operator') &&
    html`<div class="actions">${admin && action(`${at}/run`, words.runNow, { key: `${key}-run-${schedule.name}` })}${schedule.paused ? action(`${at}/resume`, words.goOn, { kind: 'primary' }) : action(`${at}/pause`, words.rest)}${action(`${at}/remove`, words.remove, { kind: 'danger' })}</div>`
  }${
    admin &&
    html`<details><summary>${words.change}</summary><form method="post" action="${at}/edit" class="fields">${whenFields(view, schedule)}${optionFields(view, schedule.input)}<button class="primary">${words.save}</button></form></details>`
  }</article>`
}

function lastRun(view: View, schedule: ScheduleLine): Html | string {
  const { words } = view.language
  if (schedule.lastRunAt === null) return words.never
  const result = (schedule.lastResult ?? {}) as { runId?: unknown; leftOut?: unknown }
  return html`${age(view, dateOf(schedule.lastRunAt))} ${words.ago} · ${
    typeof result.runId === 'string'
      ? html`<a href="/batches/${result.runId}">№ ${result.runId}</a>`
      : html`<span class="warn">${words.leftOut}: ${String(result.leftOut ?? '')}</span>`
  }`
}

export function newSchedule(view: View, facts: Startable & { readonly key: string }): Html {
  const { words } = view.language
  return html`<details class="panel"><summary>${words.addSchedule}</summary><form method="post" action="/schedules" class="fields"><input type="hidden" name="key" value="${facts.key}-schedule"><label>${words.name}<input name="name" required maxlength="61" pattern="[a-z0-9][a-z0-9\\-]*" placeholder="nightly"></label>${whichFields(view, facts)}${whenFields(view, { cron: '0 3 * * *', timeZone: view.timeZone })}${optionFields(view, {})}<button class="primary">${words.addSchedule}</button></form></details>`
}
