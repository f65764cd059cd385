import { mayAct } from '../../ops/operation.ts'
import type { Status } from '../../ops/status.ts'
import { timeOfDay } from './format.ts'
import { type Html, html } from './html.ts'
import { action, count } from './parts.ts'
import type { View } from './view.ts'
import { classWords } from './words/class-words.ts'

/** One banner a closed gate, with its reason and mend: never a red row for each call behind it. */
export function gateBanners(view: View, gates: Status['gates']): Html {
  const { words, code } = view.language
  return html`${gates.map((gate) => {
    const text = classWords(view.language, gate.class ?? '')
    const byPerson = gate.opensInMs === null
    return html`<section class="banner ${byPerson ? 'bad' : 'warn'}" role="alert"><div><strong>${words.gateClosed} ${gate.name}: ${gate.class === null ? gate.message : text.title}</strong><p>${code === 'ru' || gate.hint === null ? text.mend : gate.hint} ${words.gateWaiting}: ${count(view, gate.waiting)}. ${
      gate.opensInMs === null
        ? words.gateProbed
        : html`${words.gateOpensAt} ${timeOfDay(view, new Date(view.now.getTime() + gate.opensInMs))}.`
    }</p></div>${
      byPerson &&
      mayAct(view.visitor, 'operator') &&
      action('/gates/open', words.fixedIt, { fields: { keyId: gate.keyId, name: gate.name, back: view.path } })
    }</section>`
  })}`
}
