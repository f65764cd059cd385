import { moment, money } from './format.ts'
import { type Html, html } from './html.ts'
import { action, count, state } from './parts.ts'
import type { RouterKeyFacts } from './router-usage.ts'
import type { View } from './view.ts'

/** The router's keys with their limits and what is left of them, and the way to revoke one. */
export function routerKeysPanel(view: View, keys: readonly RouterKeyFacts[]): Html {
  const { words } = view.language
  const heads = [words.keyWord, words.tenantWord, words.perSecondWord, words.tokensTodayWord, words.budgetWord]
  const rows = keys.map((key) => row(view, key))
  return html`<section class="panel" aria-labelledby="keys-of-router"><h2 id="keys-of-router">${words.routerKeys}</h2>${
    keys.length === 0
      ? html`<p>${words.routerKeysNone} <code>callsift router key-create</code></p>`
      : html`<div class="scroll" tabindex="0" role="group" aria-labelledby="keys-of-router"><table><thead><tr>${[...heads, words.expiresWord, words.state].map((head) => html`<th scope="col">${head}</th>`)}<th scope="col"><span class="hidden">${words.revokeWord}</span></th></tr></thead><tbody>${rows}</tbody></table></div>`
  }</section>`
}

function row(view: View, key: RouterKeyFacts): Html {
  const { words } = view.language
  const expired = key.expiresAt !== null && Date.parse(key.expiresAt) <= view.now.getTime()
  const gone = key.revokedAt !== null || expired
  const standing =
    key.revokedAt !== null
      ? state('idle', words.revokedWord)
      : expired
        ? state('warn', words.expiredWord)
        : state('good', words.inForce)
  const tokens = share(key.tokensToday, key.tokensPerDay, (value) => count(view, value), words.noLimit)
  const spent = share(key.microsThisMonth, key.budgetMicros, (value) => money(view, value, 4), words.noLimit)
  const sure = html`<details><summary>${words.revokeWord}<span class="hidden"> ${key.name}</span></summary><p>${words.revokeSure}</p>${action(`/router/keys/${key.id}/revoke`, words.revokeYes, { kind: 'danger' })}</details>`
  return html`<tr><th scope="row">${key.name} <small>…${key.last4} · № ${key.id}</small></th><td>${key.tenant}</td><td>${key.perSecond === null ? '50' : count(view, key.perSecond)}</td><td>${tokens}</td><td>${spent}</td><td>${moment(view, key.expiresAt) ?? '–'}</td><td>${standing}${key.revokedAt !== null && html` <small>${moment(view, key.revokedAt)}</small>`}</td><td>${!gone && sure}</td></tr>`
}

/** So much of so much, in figures and as a bar. */
function share(used: number, limit: number | null, write: (value: number) => string, without: string): Html {
  if (limit === null) return html`${write(used)} <small>${without}</small>`
  const part = limit === 0 ? 100 : Math.min(100, (used / limit) * 100)
  const tone = part >= 100 ? 'low' : part >= 80 ? 'medium' : 'high'
  return html`${write(used)} / ${write(limit)} <svg class="meter" viewBox="0 0 100 6" width="100" height="6" preserveAspectRatio="none" aria-hidden="true"><rect class="track" width="100" height="6"/><rect class="${tone}" width="${part.toFixed(1)}" height="6"/></svg>`
}
