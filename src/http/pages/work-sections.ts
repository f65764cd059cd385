import { age } from './format.ts'
import { type Html, html } from './html.ts'
import { count } from './parts.ts'
import type { View } from './view.ts'
import { endWord, workWords } from './words/work-words.ts'

/** What `bot.list` answers, as far as the page shows it. */
export interface Works {
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
