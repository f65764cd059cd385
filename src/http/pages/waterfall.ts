import type { AttemptStory, StepStory } from '../../db/call-story.ts'
import type { CallShown } from '../../ops/call-show.ts'
import { dateOf, moment, span } from './format.ts'
import { type Html, html } from './html.ts'
import { callSteps, state, stepName, type Tone } from './parts.ts'
import type { View } from './view.ts'
import { classWords } from './words/class-words.ts'
import { followUpWords } from './words/follow-up-words.ts'

const width = 1_000

interface Bar {
  readonly from: number
  readonly to: number
  readonly kind: 'wait' | 'good' | 'bad' | 'busy' | 'late'
  readonly told: string
}

/** A step's bars: waiting apart from running, an attempt each. */
function barsOf(view: View, step: StepStory): Bar[] {
  const { words } = view.language
  const bars: Bar[] = []
  let waitsFrom = dateOf(step.createdAt).getTime()
  for (const attempt of step.attempts) {
    const from = dateOf(attempt.startedAt).getTime()
    const to = attempt.finishedAt === null ? view.now.getTime() : dateOf(attempt.finishedAt).getTime()
    if (from > waitsFrom)
      bars.push({ from: waitsFrom, to: from, kind: 'wait', told: `${words.waited} ${span(view, from - waitsFrom)}` })
    bars.push({
      from,
      to,
      kind: kindOf(attempt),
      told: `${words.worked} ${span(view, to - from)}${attempt.class === null ? '' : `, ${attempt.class}`}`,
    })
    waitsFrom = to
  }
  if (step.state === 'ready' || step.state === 'dispatched') {
    const until = view.now.getTime()
    bars.push({ from: waitsFrom, to: until, kind: 'wait', told: `${words.waited} ${span(view, until - waitsFrom)}` })
  }
  return bars
}

function kindOf(attempt: AttemptStory): Bar['kind'] {
  if (attempt.finishedAt === null) return 'busy'
  if (attempt.outcome === 'value') return 'good'
  return attempt.outcome === 'later' || attempt.outcome === 'blocked' ? 'late' : 'bad'
}

const tones: Readonly<Record<string, Tone>> = {
  done: 'good',
  parked: 'bad',
  running: 'busy',
  dispatched: 'busy',
  ready: 'warn',
  joining: 'busy',
  cancelled: 'idle',
}

/** Steps and attempts over time, a row a step and a row a part of a fan. */
export function waterfall(view: View, shown: CallShown): Html {
  const { words } = view.language
  const rows = shown.steps.map((step) => ({ step, bars: barsOf(view, step) }))
  const times = rows.flatMap(({ bars }) => bars.flatMap((bar) => [bar.from, bar.to]))
  const start = Math.min(...times, dateOf(shown.run?.createdAt ?? view.now).getTime())
  const end = Math.max(...times, start + 1)
  const missing = callSteps.filter((name) => !shown.steps.some((step) => step.name === name))
  const place = (at: number) => ((at - start) / (end - start)) * width
  return html`<table class="waterfall"><caption class="hidden">${words.waterfallLabel}</caption><thead><tr><th scope="col">${words.step}</th><th scope="col" class="number">${words.took}</th><th scope="col"><span class="axis"><span>0</span><span>${span(view, end - start)}</span></span></th></tr></thead><tbody>${rows.map(
    ({ step, bars }) => {
      const worked = bars.filter((bar) => bar.kind !== 'wait').reduce((sum, bar) => sum + bar.to - bar.from, 0)
      const told = bars.map((bar) => bar.told).join('; ')
      return html`<tr><th scope="row">${state(tones[step.state] ?? 'idle', stepTitle(view, shown, step))}<small>${stepWord(view, step)}</small></th><td class="number">${bars.length > 0 && worked > 0 ? span(view, worked) : ''}</td><td>${
        bars.length > 0 &&
        html`<svg class="lane" viewBox="0 0 ${width} 12" preserveAspectRatio="none" role="img" aria-label="${told}">${bars.map(
          (bar) =>
            html`<rect class="${bar.kind}" x="${place(bar.from).toFixed(1)}" y="${bar.kind === 'wait' ? 5 : 0}" width="${Math.max(bar.kind === 'wait' ? 0 : 3, place(bar.to) - place(bar.from)).toFixed(1)}" height="${bar.kind === 'wait' ? 2 : 12}"><title>${bar.told}</title></rect>`,
        )}</svg>`
      }</td></tr>`
    },
  )}${
    shown.run?.state !== 'done' &&
    missing.map(
      (name) =>
        html`<tr class="dim"><th scope="row">${state('idle', stepName(words, name))}<small>${words.notStarted}</small></th><td></td><td></td></tr>`,
    )
  }</tbody></table><p class="legend dim"><span class="key wait"></span>${words.waited} <span class="key run"></span>${words.worked}</p>`
}

/** Parts of a fan by their number, or by what kind of work each is. */
function stepTitle({ language }: View, shown: CallShown, step: StepStory): string {
  const name = stepName(language.words, step.name)
  if (step.kind !== null) return `${name}: ${followUpWords(language, step.kind)}`
  return isFan(shown, step) ? `${name} ${step.index + 1}` : name
}

const isFan = (shown: CallShown, step: StepStory) => shown.steps.filter((one) => one.name === step.name).length > 1

function stepWord(view: View, step: StepStory): string {
  const { words } = view.language
  const tries = step.attempts.length > 1 ? `, ${step.attempts.length} ${words.attempts}` : ''
  const names: Readonly<Record<string, string>> = {
    done: words.done,
    parked: words.parked,
    running: words.running,
    dispatched: words.running,
    ready: step.blockedBy === null ? words.waiting : words.blocked,
    joining: words.running,
    cancelled: words.cancelled,
  }
  return `${names[step.state] ?? step.state}${tries}`
}

/** Each attempt with what came of it, and each step's own data, folded away. */
export function attemptTable(view: View, shown: CallShown): Html {
  const { words } = view.language
  return html`<details><summary>${words.attemptsAndPayloads}</summary>${shown.steps.map(
    (step) => html`<h3>${stepTitle(view, shown, step)} <code>${step.name}</code></h3>
${
  step.attempts.length > 0 &&
  html`<div class="scroll" tabindex="0" role="group" aria-label="${words.attempt}"><table><thead><tr><th scope="col">${words.started}</th><th scope="col">${words.took}</th><th scope="col">${words.outcome}</th><th scope="col">${words.http}</th><th scope="col">${words.requestId}</th></tr></thead><tbody>${step.attempts.map(
    (attempt) =>
      html`<tr><td>${moment(view, attempt.startedAt)}</td><td>${attempt.finishedAt !== null && span(view, dateOf(attempt.finishedAt).getTime() - dateOf(attempt.startedAt).getTime())}</td><td>${attempt.outcome}${attempt.class !== null && html` <b>${classWords(view.language, attempt.class).title}</b><small>${attempt.message}</small>`}</td><td>${attempt.httpStatus} ${attempt.code}</td><td><code>${attempt.requestId}</code></td></tr>`,
  )}</tbody></table></div>`
}${step.output !== null && html`<details><summary>${words.output}</summary><pre tabindex="0">${brief(step.output)}</pre></details>`}`,
  )}</details>`
}

const mostText = 20_000

/** Without the curve of loudness, which nobody reads. */
function brief(output: unknown): string {
  const text = JSON.stringify(output, (name, value: unknown) => (name === 'peaks' ? '…' : value), 1)
  return text.length > mostText ? `${text.slice(0, mostText)}…` : text
}
