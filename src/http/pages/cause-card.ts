import type { CauseLine } from '../../ops/causes.ts'
import { mayAct } from '../../ops/operation.ts'
import { age, moment, timeOfDay } from './format.ts'
import { type Html, html } from './html.ts'
import { action, count, stepName } from './parts.ts'
import type { View } from './view.ts'
import { classWords } from './words/class-words.ts'

/** A cause in plain words, with the one sensible action. */
export function causeCard(view: View, cause: CauseLine, options: { brief: boolean; level: 2 | 3 }): Html {
  const { words, code } = view.language
  const text = classWords(view.language, cause.class)
  const title = code === 'ru' ? text.title : cause.title
  const mend = code === 'ru' ? classWords(view.language, cause.exhausted ? 'exhausted' : cause.class).mend : cause.mend
  const tone =
    cause.status === 'ignored' || cause.status === 'resolved' ? 'idle' : cause.action === 'wait' ? 'warn' : 'bad'
  const code_ = cause.httpStatus === null ? '' : `${cause.httpStatus} · `
  const head = html`<a href="/calls?cause=${encodeURIComponent(cause.class)}"><b>${count(view, cause.calls)}</b> ${title}</a>`
  return html`<article class="card ${tone}">${options.level === 2 ? html`<h2>${head}</h2>` : html`<h3>${head}</h3>`}
<p class="dim">${code_}${stepName(words, cause.step)} · ${!options.brief && html`${words.firstSeen} ${age(view, cause.firstAt)} ${words.ago} · `}${words.lastSeen} ${age(view, cause.lastAt)} ${words.ago}</p>
${cause.status === 'regressed' && html`<p class="bad"><strong>${words.regressed}</strong> (${count(view, cause.since)}, ${words.resolvedBy} ${cause.markedBy} ${moment(view, cause.markedAt)})</p>`}
${cause.status === 'ignored' && html`<p class="dim">${words.ignoredUntil} ${moment(view, cause.ignoredUntil)} · ${cause.markedBy}</p>`}
${cause.status === 'resolved' && html`<p class="dim">${words.resolvedBy} ${cause.markedBy} ${moment(view, cause.markedAt)}</p>`}
<p>${mend}</p>${
    !options.brief &&
    html`<p class="dim"><code>${cause.class}</code>${cause.requestId !== null && html` · ${words.requestId} <code>${cause.requestId}</code>`}${cause.callId !== null && html` · <a href="/calls/${cause.callId}">${words.example}: ${cause.callId}</a>`}</p>`
  }<div class="actions">${sensible(view, cause)}${!options.brief && mayAct(view.visitor, 'operator') && decisions(view, cause)}</div></article>`
}

/** Retry, "fixed it", or nothing: it goes on by itself. */
function sensible(view: View, cause: CauseLine): Html {
  const { words } = view.language
  if (cause.action === 'wait') {
    return html`<span class="warn">${cause.nextDueAt === null ? words.opensByItself : html`${words.goesOnAt} ${timeOfDay(view, cause.nextDueAt)}`}</span>`
  }
  // What stopped is no call but a run over leads and the like: it is looked after where those are.
  if (cause.callId === null) return html`<a class="button" href="/batches">${words.navBatches}</a>`
  if (!mayAct(view.visitor, 'operator')) return html``
  const text = `${cause.action === 'fix' ? words.fixedGoOn : words.retryN} ${count(view, cause.calls)}`
  return html`<a class="button ${cause.action === 'fix' ? '' : 'primary'}" href="/calls/bulk?all=1&amp;f.status=parked&amp;f.cause=${encodeURIComponent(cause.class)}">${text}</a>`
}

function decisions(view: View, cause: CauseLine): Html {
  const { words } = view.language
  const at = `/causes/${encodeURIComponent(cause.class)}`
  if (cause.status === 'resolved' || cause.status === 'ignored') return action(`${at}/reopen`, words.reopen)
  return html`${action(`${at}/resolve`, words.resolve)}${action(`${at}/ignore`, words.ignore24, { fields: { hours: '24' } })}${action(`${at}/ignore`, words.ignore7d, { fields: { hours: '168' } })}`
}
