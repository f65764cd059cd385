import type { CallShown } from '../../ops/call-show.ts'
import { frame, stamp } from './frame.ts'
import { type Html, html } from './html.ts'
import type { Language } from './words.ts'

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && name in value ? (value as Record<string, unknown>)[name] : null
}

/** One call: the answer to "why has it no score?" first, then verdict, entry, transcript, steps with their attempts. */
export function callPage(language: Language, shown: CallShown, sandbox: boolean): string {
  const { words } = language
  const { call, verdict, entry, transcript } = shown
  const body = html`<p><a href="/">${words.back}</a></p><h1>${words.call} ${call.id}</h1>
<p class="${shown.answer.mend === null ? 'good' : 'alarm'}">${shown.answer.sentence}${shown.answer.mend !== null && html`<br>${words.whatToDo}: ${shown.answer.mend}`}</p>
<p>${stamp(call.startedAt ?? call.createdAt)} · ${words.portal} ${call.portalId} · ${call.direction} ${call.phone} · ${call.durationSeconds} ${words.seconds} · ${call.callRef}</p>
${shown.ticket !== null && html`<h2>${words.ticket}</h2><pre>${shown.ticket}</pre>`}
${verdict !== null && html`<h2>${words.verdict}</h2><p><strong>${field(verdict, 'quality')} (${field(verdict, 'score')}/100)</strong> ${field(verdict, 'reason')}</p>`}
${entry !== null && html`<h2>${words.entry}</h2><p>${field(entry, 'state')} ${field(entry, 'externalId')}</p><pre>${field(entry, 'title')}\n${field(entry, 'text')}</pre>`}
${transcriptLines(language, transcript.merged)}
<h2>${words.steps}</h2>${stepTable(language, shown)}
<h2>${words.deliveries}</h2><ul>${shown.deliveries.map((one) => html`<li>${stamp(one.receivedAt)} ${one.source} ${one.event} ${one.outcome} ${one.reason}</li>`)}</ul>`
  return frame(language, { title: `${words.call} ${call.id}`, sandbox, body })
}

/** A line a segment: when, who where each side has a channel of its own, what. */
function transcriptLines({ words }: Language, merged: unknown): Html | null {
  const segments = field(merged, 'segments')
  if (!Array.isArray(segments) || segments.length === 0) return null
  const names: Readonly<Record<string, string>> = { agent: words.agent, customer: words.customer }
  const lines = segments.map((segment: unknown) => {
    const start = Number(field(segment, 'start'))
    const speaker = names[String(field(segment, 'speaker'))]
    const at = `${Math.floor(start / 60)}:${String(Math.floor(start % 60)).padStart(2, '0')}`
    return html`<p><small>${at}</small> ${speaker !== undefined && html`<strong>${speaker}:</strong> `}${field(segment, 'text')}</p>`
  })
  return html`<h2>${words.transcript}</h2>${lines}`
}

function stepTable({ words }: Language, shown: CallShown): Html {
  return html`<div class="scroll"><table><thead><tr><th>${words.step}</th><th>${words.state}</th><th>${words.cause}</th><th>${words.attempts}</th></tr></thead><tbody>${shown.steps.map(
    (step) =>
      html`<tr><td>${step.name}${step.index > 0 && html` ${step.index}`}</td><td>${step.state}<br>${stamp(step.state === 'ready' ? step.dueAt : step.finishedAt)}</td><td>${step.message}${step.hint !== null && html`<br><small>${step.hint}</small>`}</td><td>${step.attempts.map(
        (attempt) =>
          html`<div>${stamp(attempt.startedAt)} ${attempt.outcome} ${attempt.class} ${attempt.httpStatus} <small>${attempt.requestId}</small></div>`,
      )}</td></tr>`,
  )}</tbody></table></div>`
}
