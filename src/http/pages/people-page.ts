import type { TokenFacts } from '../../db/tokens.ts'
import type { User } from '../../db/users.ts'
import { age, moment } from './format.ts'
import { frame } from './frame.ts'
import { type Html, html } from './html.ts'
import { action, select, state } from './parts.ts'
import type { View } from './view.ts'

const roles = ['viewer', 'operator', 'admin'] as const

/** What may be seen this once: a link that logs in, or a token. */
export interface Secret {
  readonly kind: 'link' | 'token'
  readonly of: string
  readonly text: string
}

export interface PeopleFacts {
  readonly users: readonly User[]
  readonly tokens: readonly TokenFacts[]
  readonly secret: Secret | null
  /** One key a page: a form that is sent twice does its thing once. */
  readonly key: string
}

/** Who may look and act: people with their roles, and programs with their tokens. */
export function peoplePage(view: View, facts: PeopleFacts): string {
  const { words } = view.language
  const inForce = facts.tokens.filter((token) => isInForce(view, token))
  const over = facts.tokens.filter((token) => !isInForce(view, token))
  const body = html`<h1>${words.navPeople}</h1>${facts.secret !== null && shownOnce(view, facts.secret)}
<section class="panel" aria-labelledby="people-title"><h2 id="people-title">${words.people}</h2><div class="scroll"><table class="stacked list"><thead><tr><th scope="col">${words.name}</th><th scope="col">${words.role}</th><th scope="col">${words.state}</th><th scope="col">${words.lastLogin}</th><th scope="col">${words.actions}</th></tr></thead><tbody>${facts.users.map((user) => userRow(view, user, facts))}</tbody></table></div>
<form method="post" action="/users" class="fields"><input type="hidden" name="key" value="${facts.key}-user"><label>${words.newUser}<input name="name" required maxlength="100" autocomplete="off" placeholder="${words.name}"></label>${roleSelect(view, 'operator', words.role)}<button class="primary">${words.addUser}</button></form><p class="dim">${words.roleHint}</p></section>
<section class="panel" aria-labelledby="tokens-title"><h2 id="tokens-title">${words.tokensTitle}</h2>${
    inForce.length === 0
      ? html`<p class="dim">${words.tokensNone}</p>`
      : html`<div class="scroll"><table class="stacked list">${tokenHead(view)}<tbody>${inForce.map((token) => tokenRow(view, token))}</tbody></table></div>`
  }
<form method="post" action="/tokens" class="fields"><input type="hidden" name="key" value="${facts.key}-token"><label>${words.newToken}<input name="name" required maxlength="100" autocomplete="off" placeholder="${words.tokenFor}"></label>${roleSelect(view, 'viewer', words.role)}${select(
    'days',
    words.expiry,
    words.forEver,
    ['7', '30', '90', '365'].map((days) => [days, `${days} ${words.days}`] as const),
    '90',
  )}<button class="primary">${words.makeToken}</button></form><p class="dim">${words.tokenHint}</p>${
    over.length > 0 &&
    html`<details><summary>${words.tokensOver} (${over.length})</summary><div class="scroll"><table class="stacked list">${tokenHead(view)}<tbody>${over.map((token) => tokenRow(view, token))}</tbody></table></div></details>`
  }</section>`
  return frame(view, { title: words.navPeople, tab: 'people', body })
}

/** A field that can be copied from without a script: the whole of it is selected when it is clicked on. */
function shownOnce(view: View, secret: Secret): Html {
  const { words } = view.language
  const [title, hint] =
    secret.kind === 'link' ? [words.linkFor, words.linkShownOnce] : [words.tokenOf, words.tokenShownOnce]
  return html`<section class="banner good" role="status"><div><strong>${title} ${secret.of}</strong><p>${hint}</p><p><code class="secret" id="secret" tabindex="0">${secret.text}</code></p></div><button type="button" data-copy="secret" data-done="${words.copied}" hidden>${words.copy}</button></section>`
}

function roleSelect(view: View, chosen: string, label: string): Html {
  const { words } = view.language
  return select(
    'role',
    label,
    null,
    roles.map((role) => [role, words[role]] as const),
    chosen,
  )
}

function userRow(view: View, user: User, facts: PeopleFacts): Html {
  const { words } = view.language
  const at = `/users/${user.id}`
  const own = user.id === view.visitor.session?.userId
  const isIn = user.disabledAt === null
  const isLastAdmin =
    isIn &&
    user.role === 'admin' &&
    facts.users.filter((one) => one.role === 'admin' && one.disabledAt === null).length === 1
  const standing = !isIn
    ? state('idle', words.disabled)
    : user.hasPassword
      ? state('good', words.mayEnter)
      : state('warn', words.passwordNotSet)
  return html`<tr><td><b>${user.name}</b>${own && html` <span class="dim">(${words.thatIsYou})</span>`}</td><td>${
    isLastAdmin
      ? html`${words[user.role]}<small>${words.lastAdmin}</small>`
      : html`<form method="post" action="${at}/role" class="row">${roleSelect(view, user.role, `${words.role}: ${user.name}`)}<button>${words.save}</button></form>`
  }</td><td>${standing}</td><td>${user.lastLoginAt === null ? words.never : html`${age(view, user.lastLoginAt)} ${words.ago}`}</td><td><div class="row">${
    isIn &&
    !own &&
    action(`${at}/link`, user.hasPassword ? words.resetPassword : words.newLink, {
      fields: user.hasPassword ? { reset: 'true' } : {},
      key: `${facts.key}-link-${user.id}`,
    })
  }${!isLastAdmin && !own && (isIn ? action(`${at}/disable`, words.disable, { kind: 'danger' }) : html`${action(`${at}/enable`, words.enable)}${action(`${at}/remove`, words.remove, { kind: 'danger' })}`)}</div></td></tr>`
}

function isInForce(view: View, token: TokenFacts): boolean {
  return token.revokedAt === null && (token.expiresAt === null || new Date(token.expiresAt) > view.now)
}

function tokenHead(view: View): Html {
  const { words } = view.language
  return html`<thead><tr><th scope="col">${words.name}</th><th scope="col">${words.role}</th><th scope="col">${words.expiry}</th><th scope="col">${words.lastUsed}</th><th scope="col">${words.actions}</th></tr></thead>`
}

function tokenRow(view: View, token: TokenFacts): Html {
  const { words } = view.language
  const until =
    token.revokedAt !== null
      ? html`${words.revoked} ${moment(view, token.revokedAt)}`
      : token.expiresAt === null
        ? words.forEver
        : html`${words.untilWord} ${moment(view, token.expiresAt)}`
  return html`<tr><td><b>${token.name}</b><small>№ ${token.id}, ${words.made} ${moment(view, token.createdAt)}</small></td><td>${words[token.role]}</td><td>${until}</td><td>${token.lastUsedAt === null ? words.never : html`${age(view, token.lastUsedAt)} ${words.ago}`}</td><td>${isInForce(view, token) && action(`/tokens/${token.id}/revoke`, words.revoke, { kind: 'danger' })}</td></tr>`
}
