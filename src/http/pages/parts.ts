import type { StripCell } from '../../db/call-search.ts'
import { number } from './format.ts'
import { type Html, html } from './html.ts'
import type { View } from './view.ts'
import type { Words } from './words/en.ts'

export type Tone = 'good' | 'bad' | 'warn' | 'busy' | 'idle'

/** A dot and a word: nothing is said by colour alone. */
export function state(tone: Tone, word: string): Html {
  return html`<span class="state ${tone}"><span class="dot"></span>${word}</span>`
}

const tones = { running: 'busy', done: 'good', parked: 'bad', cancelled: 'idle' } as const

export function runState(view: View, call: { state: keyof typeof tones; class: string | null }): Html {
  const { words } = view.language
  if (call.state === 'running' && call.class !== null) return state('warn', words.waiting)
  return state(tones[call.state], words[call.state])
}

export function stepName(words: Words, name: string): string {
  return Object.hasOwn(words, name) ? ((words as Readonly<Record<string, string>>)[name] ?? name) : name
}

export const callSteps = [
  'locateRecording',
  'planAudio',
  'transcribePart',
  'mergeTranscript',
  'classifyLead',
  'writeTimeline',
] as const

const cellTones: Readonly<Record<string, Tone>> = {
  done: 'good',
  parked: 'bad',
  running: 'busy',
  dispatched: 'busy',
  ready: 'warn',
  joining: 'busy',
  cancelled: 'idle',
}

/** How far a call came: a cell a step, with a number where it took more than one attempt. */
export function strip(view: View, cells: readonly StripCell[]): Html {
  const { words } = view.language
  const drawn = callSteps.map((name) => {
    const cell = cells.find((one) => one.name === name)
    const tone = cell === undefined ? 'none' : (cellTones[cell.state] ?? 'idle')
    const tries = cell !== undefined && cell.attempts > 1 ? cell.attempts : null
    return { name, tone, tries, cell }
  })
  const told = drawn.flatMap(({ name, cell, tries }) =>
    cell === undefined
      ? []
      : [
          `${stepName(words, name)}: ${cellWord(words, cell.state)}${cell.parts > 1 ? ` ${cell.done}/${cell.parts}` : ''}${tries === null ? '' : `, ${tries} ${words.attempts}`}`,
        ],
  )
  return html`<span class="strip" role="img" aria-label="${told.join('; ')}" title="${told.join('; ')}">${drawn.map(
    ({ tone, tries }) => html`<i class="${tone}">${tries}</i>`,
  )}</span>`
}

function cellWord(words: Words, stepState: string): string {
  const names: Readonly<Record<string, string>> = {
    done: words.done,
    parked: words.parked,
    running: words.running,
    dispatched: words.running,
    ready: words.waiting,
    joining: words.running,
    cancelled: words.cancelled,
  }
  return names[stepState] ?? stepState
}

export function qualityWord(words: Words, quality: string): string {
  return quality === 'high' || quality === 'medium' || quality === 'low' ? words[quality] : quality
}

const entityWords = { 1: 'lead', 2: 'deal', 3: 'contact', 4: 'company' } as const

/** `Deal 1205`, linked into the portal where its address is known. */
export function entity(
  view: View,
  of: { entityTypeId: number | null; entityId: string | null; domain: string | null },
): Html {
  const { words } = view.language
  if (of.entityTypeId === null || of.entityId === null) return html`<span class="dim">${words.noRecord}</span>`
  const kind = entityWords[of.entityTypeId as keyof typeof entityWords]
  const name = `${kind === undefined ? of.entityTypeId : words[kind]} ${of.entityId}`
  if (of.domain === null || kind === undefined || !/^[a-z0-9.-]+$/i.test(of.domain)) return html`${name}`
  return html`<a href="https://${of.domain}/crm/${kind}/details/${of.entityId}/" rel="noreferrer noopener" target="_blank">${name}<span aria-hidden="true"> ↗</span></a>`
}

/** A form that posts one thing: works without a script, and once however often it is pressed. */
export function action(
  to: string,
  text: Html | string,
  options: { fields?: Readonly<Record<string, string>>; kind?: 'primary' | 'plain' | 'danger'; key?: string } = {},
): Html {
  const fields = Object.entries({ ...options.fields, ...(options.key === undefined ? {} : { key: options.key }) })
  return html`<form method="post" action="${to}" class="inline">${fields.map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}<button class="${options.kind ?? 'plain'}">${text}</button></form>`
}

export function select(
  name: string,
  label: string,
  any: string | null,
  choices: readonly (readonly [string, string])[],
  chosen: string | undefined,
): Html {
  return html`<label><span class="hidden">${label}</span><select name="${name}">${any !== null && html`<option value="">${any}</option>`}${choices.map(
    ([value, text]) => html`<option value="${value}"${value === chosen && html` selected`}>${text}</option>`,
  )}</select></label>`
}

export function count(view: View, value: number): string {
  return number(view, value)
}
