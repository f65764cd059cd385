import type { CallLine } from '../../ops/call-list.ts'
import { mayAct } from '../../ops/operation.ts'
import { age, clock, money, timeOfDay } from './format.ts'
import { type Html, html } from './html.ts'
import { entity, qualityWord, runState, stepName, strip } from './parts.ts'
import type { View } from './view.ts'
import { classWords } from './words/class-words.ts'

/** One line of the list; a live page asks for it again by its id. */
export function callRow(view: View, call: CallLine): Html {
  const { words } = view.language
  const direction =
    call.direction === 'in' ? `↙ ${words.incoming}` : call.direction === 'out' ? `↗ ${words.outgoing}` : words.call
  return html`<tr id="call-${call.id}" data-call="${call.id}"><td class="pick">${
    mayAct(view.visitor, 'operator') &&
    html`<input type="checkbox" name="ids" value="${call.id}" form="bulk" aria-label="${words.selectCall} ${call.id}">`
  }</td><td>${runState(view, call)}</td><td><a class="main" href="/calls/${call.id}">${call.phone ?? `${words.call} ${call.id}`}</a><small>${entity(view, call)}</small></td><td>${direction}${call.durationSeconds !== null && ` · ${clock(call.durationSeconds)}`}<small>${timeOfDay(view, call.startedAt ?? call.createdAt)}</small></td><td>${strip(view, call.strip)}</td><td>${result(view, call)}</td><td class="number">${money(view, call.costMicros)}</td><td class="number">${age(view, call.createdAt)}</td></tr>`
}

/** What is to be known although it went on, as words and not by colour alone. */
function flags(view: View, call: CallLine): Html | false {
  const { words } = view.language
  const told = [
    ...(call.doubtful ? [words.needsReview] : []),
    ...call.flags.map((flag) => {
      const key = `flag_${flag}`
      return Object.hasOwn(words, key) ? words[key as keyof typeof words] : classWords(view.language, flag).title
    }),
  ]
  return (
    told.length > 0 && html`<small class="flags">${told.map((one) => html`<span class="flag">${one}</span>`)}</small>`
  )
}

function result(view: View, call: CallLine): Html {
  const { words } = view.language
  if (call.state === 'parked' && call.class !== null) {
    return html`<a class="bad" href="/calls?cause=${encodeURIComponent(call.class)}">${classWords(view.language, call.class).title}</a><small>${call.stoppedAt !== null && stepName(words, call.stoppedAt)}</small>`
  }
  if (call.quality !== null) {
    return html`<span class="score ${call.quality}"><b>${call.score}</b> ${qualityWord(words, call.quality)}</span>${flags(view, call)}${call.written === 'observed' && html`<small>${words.entryObserved}</small>`}`
  }
  if (call.state === 'running' && call.class !== null) {
    return html`<span>${classWords(view.language, call.class).title}</span><small>${call.blocked ? words.blocked : call.dueAt !== null && html`${words.nextTry} ${timeOfDay(view, call.dueAt)}`}</small>`
  }
  if (call.class !== null) return html`<span class="dim">${classWords(view.language, call.class).title}</span>`
  return html`<span class="dim">${words.inProgress}</span>${call.stoppedAt !== null && html`<small>${stepName(words, call.stoppedAt)}</small>`}`
}
