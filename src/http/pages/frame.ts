import { type Html, html } from './html.ts'
import type { Language } from './words.ts'

/** A whole page: banner where the program is a sandbox, one style sheet, no script. */
export function frame(language: Language, facts: { title: string; sandbox: boolean; body: Html }): string {
  const { words, code } = language
  return html`<!doctype html>
<html lang="${code}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${facts.sandbox ? 'SANDBOX ' : ''}${facts.title}</title><link rel="stylesheet" href="/style.css"></head>
<body>${facts.sandbox && html`<p class="sandbox" role="alert">${words.sandboxBanner}</p>`}<main>${facts.body}</main></body>
</html>`.markup
}

/** `2026-03-11 17:28:46` in UTC, and the machine-readable form beside it. */
export function stamp(value: unknown): Html | null {
  if (value === null || value === undefined) return null
  const iso = value instanceof Date ? value.toISOString() : String(value)
  return html`<time datetime="${iso}">${iso.slice(0, 19).replace('T', ' ')}</time>`
}

export const styleSheet = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { margin: 0; } main { max-width: 70rem; margin: 0 auto; padding: 1rem; }
.sandbox { margin: 0; padding: .6rem 1rem; background: #b45309; color: #fff; font-weight: 600; text-align: center; }
.alarm { border-left: 4px solid #dc2626; padding: .3rem .8rem; } .good { border-left: 4px solid #16a34a; padding: .3rem .8rem; }
dl.counts { display: flex; flex-wrap: wrap; gap: .5rem 2rem; } dl.counts div { min-width: 7rem; }
dt { opacity: .75; font-size: .85rem; } dd { margin: 0; font-size: 1.25rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #8884; vertical-align: top; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #8881; padding: .6rem; } td { overflow-wrap: anywhere; }
`
