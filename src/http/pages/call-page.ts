import type { Review } from '../../db/reviews.ts'
import type { priceRerun } from '../../ops/call-again.ts'
import type { CallShown } from '../../ops/call-show.ts'
import { mayAct } from '../../ops/operation.ts'
import { callActions } from './call-actions.ts'
import { readOutputs } from './call-outputs.ts'
import { clock, moment, timeOfDay } from './format.ts'
import { frame } from './frame.ts'
import { type Html, html } from './html.ts'
import { entity, runState, stepName } from './parts.ts'
import { recordingPanel } from './transcript.ts'
import { verdictPanel } from './verdict.ts'
import type { View } from './view.ts'
import { attemptTable, waterfall } from './waterfall.ts'
import { actionWords, detailWords } from './words/action-words.ts'
import { classWords } from './words/class-words.ts'
import { reasonWords } from './words/reason-words.ts'

export interface CallFacts {
  readonly shown: CallShown
  readonly reviews: readonly Review[]
  readonly domain: string | null
  readonly costMicros: number | null
  readonly prices: Readonly<Record<string, ReturnType<typeof priceRerun>>>
  /** One key a page: however often its buttons are pressed, each does its thing once. */
  readonly key: string
}

/** One call: the answer first, then steps and verdict, recording and transcript, attempts, history. */
export function callPage(view: View, facts: CallFacts): string {
  const { words } = view.language
  const { shown } = facts
  const { call, run } = shown
  const outputs = readOutputs(shown)
  const direction =
    call.direction === 'in' ? words.incomingCall : call.direction === 'out' ? words.outgoingCall : words.call
  const entityId = call.assignedEntity?.id ?? outputs.entity?.id
  const to = {
    entityTypeId: call.assignedEntity?.typeId ?? outputs.entity?.typeId ?? null,
    entityId: entityId === undefined ? null : String(entityId),
    domain: facts.domain,
  }
  const title = call.phone ?? `${words.call} ${call.id}`
  const body = html`<p class="crumbs"><a href="/calls">${words.back}</a> / ${call.id}</p>
<div class="head call"><div><h1>${title}</h1><p class="dim">${direction} · ${call.durationSeconds !== null && html`${clock(call.durationSeconds)} · `}${moment(view, call.startedAt ?? call.createdAt)} · ${entity(view, to)}</p></div><div class="actions">${run !== null && runState(view, { state: run.state, class: shown.cause?.class ?? null })}${mayAct(view.visitor, 'operator') && callActions(view, facts)}</div></div>
${answer(view, shown)}${flagNotes(view, shown)}
<div class="two"><section class="panel" aria-labelledby="steps-title"><h2 id="steps-title">${words.steps}</h2>${waterfall(view, shown)}${attemptTable(view, shown)}</section>${verdictPanel(view, shown, { outputs, reviews: facts.reviews, domain: facts.domain, costMicros: facts.costMicros })}</div>
${recordingPanel(view, shown, outputs)}
<div class="two even"><section class="panel" aria-labelledby="history-title"><h2 id="history-title">${words.history}</h2>${history(view, shown)}</section><section class="panel" aria-labelledby="facts-title"><h2 id="facts-title">${words.facts}</h2>${factList(view, shown)}</section></div>
${shown.ticket !== null && html`<section class="panel"><h2>${words.ticket}</h2><pre tabindex="0">${shown.ticket}</pre></section>`}`
  return frame(view, { title: `${words.call} ${call.id}`, tab: 'calls', body, live: true, player: true }).replace(
    '<main ',
    `<main data-watch="${call.id}" data-stamp="${run?.updatedAt.toISOString() ?? ''}" `,
  )
}

/** It went on, but whoever reads the verdict should know. */
function flagNotes(view: View, shown: CallShown): Html | false {
  const { words } = view.language
  return (
    shown.flags.length > 0 &&
    html`<section class="banner warn" role="note" aria-label="${words.flagsTitle}"><div>${shown.flags.map((flag) => {
      const text = classWords(view.language, flag.class)
      return html`<p><strong>${text.title}.</strong> ${text.mend}</p>`
    })}</div></section>`
  )
}

/** Where it stands and what to do, before anything else. */
function answer(view: View, shown: CallShown): Html {
  const { words, code } = view.language
  const stopped = shown.steps.find((step) => step.state === 'parked')
  if (stopped?.class != null) {
    const last = stopped.attempts.at(-1)
    // Of attempts that were used up, what they met says more.
    const spent = stopped.class === 'exhausted' && last?.class != null
    const text = {
      title: classWords(view.language, spent ? (last.class ?? '') : stopped.class).title,
      mend: classWords(view.language, stopped.class).mend,
    }
    const how = [last?.httpStatus == null ? null : `HTTP ${last.httpStatus}`, spent ? last?.class : stopped.class]
      .filter((one) => one != null)
      .join(', ')
    return html`<section class="banner bad" role="alert"><div><strong>${text.title}.</strong> ${words.tale_stopped} «${stepName(words, stopped.name)}» (<code>${how}</code>). ${code === 'ru' || spent ? text.mend : (stopped.hint ?? text.mend)}${stopped.message !== null && html`<p class="dim">${stopped.message}</p>`}</div></section>`
  }
  const waits = shown.steps.find((step) => step.state === 'ready' && step.class !== null)
  if (waits?.class != null) {
    const text = classWords(view.language, waits.class)
    return html`<section class="banner warn" role="note"><div><strong>${text.title}</strong>: ${words.tale_waits} «${stepName(words, waits.name)}» ${waits.blockedBy === null ? html`${words.untilWord} ${timeOfDay(view, waits.dueAt)}` : html`(${waits.blockedBy})`}. ${text.mend}</div></section>`
  }
  if (shown.run?.class != null) {
    const text = classWords(view.language, shown.run.class)
    return html`<section class="banner idle" role="note"><div><strong>${text.title}.</strong> ${text.mend}</div></section>`
  }
  return html``
}

function history(view: View, shown: CallShown): Html {
  const { words } = view.language
  if (shown.audit.length === 0) return html`<p class="dim">${words.none}</p>`
  return html`<ul class="log">${shown.audit.map((entry) => {
    const { outcome, ...detail } = (entry.detail ?? {}) as Record<string, unknown>
    const told = Object.entries(detail).filter(([, value]) => value != null && value !== false)
    return html`<li>${moment(view, entry.at)} <b>${entry.actor}</b> ${actionWords(view.language, entry.action)}${told.length > 0 && html` <span class="dim">(${told.map(([name, value]) => `${detailWords(view.language, name)}: ${name === 'from' ? stepName(words, String(value)) : String(value)}`).join(', ')})</span>`}${outcome !== 'done' && html` <span class="bad">${String(outcome ?? '')}</span>`}</li>`
  })}</ul>`
}

function factList(view: View, shown: CallShown): Html {
  const { words } = view.language
  const { call, run } = shown
  const rows: [string, unknown][] = [
    [words.portal, call.portalId],
    [words.callId, call.callRef],
    [words.activity, call.activityId],
    [words.line, call.line],
    [words.user, call.userId],
    [words.source, call.source],
    [words.generation, run?.generation],
  ]
  return html`<dl class="pairs">${rows.map(([name, value]) => value != null && html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
<h3>${words.deliveriesOf}</h3><ul class="log">${shown.deliveries.map((one) => {
    const why = reasonWords(view.language, one.reason, call.portalId).sentence
    return html`<li>${moment(view, one.receivedAt)} ${one.event ?? one.source} <b>${words[one.outcome]}</b> ${why}</li>`
  })}</ul>`
}
