import { age, moment } from './format.ts'
import { type Html, html } from './html.ts'
import { count, runState } from './parts.ts'
import type { View } from './view.ts'
import { endWord, workflowWord, workWords } from './words/work-words.ts'

/** What `batch.list`, `bot.list` and `schedule.list` answer, as far as the page shows it. */
export interface Works {
  readonly batches: readonly {
    readonly id: string
    readonly workflow: string
    readonly portalId: string
    readonly state: 'running' | 'done' | 'parked' | 'cancelled'
    readonly class: string | null
    readonly paused: boolean
    readonly createdAt: string
    readonly finishedAt: string | null
  }[]
  readonly bots: readonly {
    readonly botId: number
    readonly portalId: string
    readonly name: string
    readonly enabled: boolean
    readonly polledAt: string | null
    readonly lastFailure: string | null
    readonly answers: readonly { state: string; class: string | null; runs: number }[]
    readonly held: readonly { dialogId: string }[]
  }[]
  readonly schedules: readonly {
    readonly name: string
    readonly workflow: string
    readonly portalId: string
    readonly cron: string
    readonly timeZone: string
    readonly paused: boolean
    readonly dueAt: string
    readonly lastResult: { runId?: string; leftOut?: string } | null
  }[]
}

/** Workflows over a portal, by hand and by schedule, the newest first. */
export function runSection(view: View, { batches }: Works): Html {
  const words = workWords(view.language)
  const row = (one: Works['batches'][number]) =>
    html`<li id="batch-${one.id}">№ ${one.id} <b>${workflowWord(view.language, one.workflow)}</b> ${one.portalId} ${one.paused && one.state === 'running' ? words.paused : runState(view, one)} <span class="dim">${words.began} ${moment(view, one.createdAt)}${one.finishedAt !== null && html` · ${view.language.words.finished} ${moment(view, one.finishedAt)}`}</span></li>`
  return html`<h2>${words.runs}</h2>${
    batches.length === 0
      ? html`<p class="panel empty">${words.noRuns}</p>`
      : html`<section class="panel"><ul class="log">${batches.map(row)}</ul></section>`
  }`
}

/** Chat bots: whether they are asked, what their messages came to, and which dialogues people have. Absent where there is none. */
export function botSection(view: View, { bots }: Works): Html | null {
  if (bots.length === 0) return null
  const words = workWords(view.language)
  const row = (one: Works['bots'][number]) => {
    const told = one.answers.map(
      ({ state, class: why, runs }) => `${count(view, runs)} ${endWord(view.language, why ?? state)}`,
    )
    return html`<li id="bot-${one.botId}"><b>${one.name}</b> ${one.portalId} ${one.enabled ? (one.lastFailure ?? '') : words.off} <span class="dim">${words.asked} ${one.polledAt === null ? view.language.words.never : age(view, one.polledAt)}</span><br>${told.length === 0 ? words.noMessages : told.join(', ')}${one.held.length > 0 && html`<br>${words.withPerson}: ${one.held.map((dialog) => dialog.dialogId).join(', ')}`}</li>`
  }
  return html`<h2>${words.bots}</h2><section class="panel"><ul class="log">${bots.map(row)}</ul></section>`
}

export function scheduleList(view: View, { schedules }: Works): Html | null {
  if (schedules.length === 0) return null
  const words = workWords(view.language)
  const row = (one: Works['schedules'][number]) =>
    html`<li><b>${one.name}</b> ${workflowWord(view.language, one.workflow)} ${one.portalId} <code>${one.cron}</code> ${one.timeZone} <span class="dim">${one.paused ? words.paused : html`${words.next} ${moment(view, one.dueAt)}`}${one.lastResult?.leftOut !== undefined && html` · ${words.leftOut}: ${one.lastResult.leftOut}`}</span></li>`
  return html`<section class="panel"><ul class="log">${schedules.map(row)}</ul></section>`
}
