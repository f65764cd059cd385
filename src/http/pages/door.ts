import { assetRoot } from './assets.ts'
import { frame } from './frame.ts'
import { type Html, html } from './html.ts'
import type { View } from './view.ts'
import type { Language } from './words/language.ts'
import { problemWords } from './words/problem-words.ts'

interface Door {
  readonly language: Language
  readonly theme: string
  readonly sandbox: boolean
}

/** A page without tabs: for whoever is not in yet. */
function outside(door: Door, title: string, body: Html): string {
  const { words, code } = door.language
  return html`<!doctype html>
<html lang="${code}" data-theme="${door.theme}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"><title>${door.sandbox && 'SANDBOX '}${title} · ${words.title}</title><link rel="icon" href="data:,"><link rel="stylesheet" href="${assetRoot}/app.css"></head>
<body>${door.sandbox && html`<header><p class="sandbox" role="note">${words.sandboxBanner}</p></header>`}<main id="main" class="door"><p class="brand">${words.title}</p><h1>${title}</h1>${body}</main></body></html>`
    .markup
}

export function loginPage(door: Door, facts: { problem: string | null; to: string; overTls: boolean }): string {
  const { words } = door.language
  return outside(
    door,
    words.loginTitle,
    html`${facts.problem !== null && html`<p class="flash bad" role="alert">${facts.problem}</p>`}${!facts.overTls && html`<p class="flash bad" role="alert">${words.loginNoTls}</p>`}<form method="post" action="/login" class="stack"><input type="hidden" name="to" value="${facts.to}"><label>${words.name}<input name="name" autocomplete="username" required maxlength="100" autofocus></label><label>${words.password}<input type="password" name="password" autocomplete="current-password" required maxlength="500"></label><button class="primary">${words.logIn}</button></form><p class="dim">${words.loginHint}</p>`,
  )
}

/** A press of the button uses the link up, not a look at it: mail programs and chats look at every address. */
export function linkPage(door: Door, facts: { secret: string; overTls: boolean }): string {
  const { words } = door.language
  return outside(
    door,
    words.linkTitle,
    html`${!facts.overTls && html`<p class="flash bad" role="alert">${words.loginNoTls}</p>`}<p>${words.linkText}</p><form method="post" action="/login/${facts.secret}" class="stack"><button class="primary">${words.logIn}</button></form>`,
  )
}

export function errorPage(
  door: Door,
  facts: { status: number; kind: string; detail: string; mend: string; back: string },
): string {
  const { words } = door.language
  const { detail, mend, exactly } = problemWords(door.language, facts)
  return outside(
    door,
    facts.status === 404 ? words.notFoundTitle : words.errorTitle,
    html`<p>${detail}</p><p class="dim">${mend}</p>${exactly !== null && html`<p class="dim"><code>${exactly}</code></p>`}<p><a class="button" href="${facts.back}">${facts.back === '/calls' ? words.back : words.goBack}</a></p>`,
  )
}

export function accountPage(view: View): string {
  const { words } = view.language
  const { session, role } = view.visitor
  const body = html`<h1>${words.accountTitle}</h1><section class="panel narrow"><dl class="pairs"><div><dt>${words.name}</dt><dd>${view.visitor.actor}</dd></div><div><dt>${words.role}</dt><dd>${words[role]}</dd></div></dl>${
    session !== null &&
    html`${!session.hasPassword && html`<p class="note warn">${words.passwordNone}</p>`}<form method="post" action="/account" class="stack">${session.hasPassword && html`<label>${words.oldPassword}<input type="password" name="old" autocomplete="current-password" required maxlength="500"></label>`}<label>${words.newPassword}<input type="password" name="password" autocomplete="new-password" required minlength="10" maxlength="500"></label><button class="primary">${words.savePassword}</button></form><form method="post" action="/logout"><button>${words.logOut}</button></form>`
  }</section>`
  return frame(view, { title: words.accountTitle, tab: 'account', body })
}
