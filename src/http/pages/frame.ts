import { mayAct } from '../../ops/operation.ts'
import { assetRoot } from './assets.ts'
import { number } from './format.ts'
import { type Html, html } from './html.ts'
import type { View } from './view.ts'

interface PageFacts {
  readonly title: string
  /** Which of the tabs is lit. */
  readonly tab?: Tab
  readonly body: Html
  /** Rows of this page follow the changes. */
  readonly live?: boolean
  readonly player?: boolean
}

export type Tab =
  | 'calls'
  | 'causes'
  | 'review'
  | 'overview'
  | 'deliveries'
  | 'batches'
  | 'router'
  | 'people'
  | 'account'

/** A whole page: banner where the program is a sandbox, tabs, what was just done, the page itself. */
export function frame(view: View, facts: PageFacts): string {
  const { words, code } = view.language
  return html`<!doctype html>
<html lang="${code}" data-theme="${view.theme}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>${view.sandbox ? 'SANDBOX ' : ''}${facts.title} · ${words.title}</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="${assetRoot}/app.css">
<script type="module" src="${assetRoot}/app.js"></script>${facts.player === true && html`<script type="module" src="${assetRoot}/player.js"></script>`}</head>
<body${facts.live === true && html` data-live="/api/v1/events?since=${view.sequence}"`}><a class="skip" href="#main">${words.skip}</a>
${header(view, facts)}
<main id="main" tabindex="-1">${view.flash !== null && html`<p class="flash ${view.flash.good ? 'good' : 'bad'}" role="status">${view.flash.text}</p>`}${facts.body}</main>
${keys(view)}</body>
</html>`.markup
}

function header(view: View, facts: PageFacts): Html {
  const { words } = view.language
  const tab = (name: Tab, href: string, text: string, badge = 0) =>
    html`<a href="${href}"${facts.tab === name && html` aria-current="page"`}>${text}${badge > 0 && html` <span class="badge">${badge > 99 ? number(view, badge) : badge}</span>`}</a>`
  return html`<header>${view.sandbox && html`<p class="sandbox" role="note">${words.sandboxBanner}</p>`}<div class="top"><a class="brand" href="/calls">${words.title}</a><nav aria-label="${words.navMain}">${tab('calls', '/calls', words.navCalls)}${tab('causes', '/causes', words.navCauses, view.badges.parked)}${tab('review', '/review', words.navReview, view.badges.review)}${tab('overview', '/overview', words.navOverview)}${tab('deliveries', '/deliveries', words.navDeliveries)}${tab('batches', '/batches', words.navBatches)}${tab('router', '/router', words.navRouter)}${mayAct(view.visitor, 'admin') && tab('people', '/users', words.navPeople)}</nav>
<div class="tools">${
    facts.live === true &&
    html`<button type="button" id="live" class="quiet" hidden data-on="${words.live}" data-paused="${words.livePaused}" data-away="${words.liveAway}" data-pause="${words.pause}" data-resume="${words.resume}"><span class="dot"></span><span role="status">${words.live}</span></button>`
  }${choices(view)}<button type="button" id="help" class="quiet" hidden aria-label="${words.help}">?</button>
<a class="who" href="/account" title="${words.account}"${facts.tab === 'account' && html` aria-current="page"`}>${view.visitor.session?.name ?? view.visitor.actor}</a></div></div></header>`
}

/** Theme and language without a script: a form that sets a cookie and comes back. */
function choices(view: View): Html {
  const { words, code } = view.language
  const next = { auto: 'light', light: 'dark', dark: 'auto' } as const
  const themes = { auto: words.themeAuto, light: words.themeLight, dark: words.themeDark }
  const signs = { auto: '◐', light: '☀', dark: '☾' }
  const set = (name: string, value: string, label: string, sign: string, lang: string) =>
    html`<a class="button quiet" href="/set?${new URLSearchParams({ [name]: value, back: view.path }).toString()}" aria-label="${label}" title="${label}" lang="${lang}" rel="nofollow">${sign}</a>`
  return html`${set('theme', next[view.theme], themes[view.theme], signs[view.theme], code)}${set('lang', code === 'en' ? 'ru' : 'en', `${code === 'en' ? 'RU' : 'EN'}: ${words.otherLanguage}`, code === 'en' ? 'RU' : 'EN', code === 'en' ? 'ru' : 'en')}`
}

function keys(view: View): Html {
  const { words } = view.language
  const rows: [string, string][] = [
    ['j k', words.keyJk],
    ['x', words.keyX],
    ['Enter', words.keyEnter],
    ['r', words.keyR],
    ['/', words.keySlash],
    ['p', words.keyP],
    ['Space', words.keySpace],
    ['?', words.keyHelp],
  ]
  return html`<dialog id="keys" aria-labelledby="keys-title"><h2 id="keys-title">${words.keysTitle}</h2><dl>${rows.map(
    ([key, what]) => html`<div><dt><kbd>${key}</kbd></dt><dd>${what}</dd></div>`,
  )}</dl><form method="dialog"><button>${words.close}</button></form></dialog>`
}
