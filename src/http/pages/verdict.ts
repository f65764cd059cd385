import type { Review } from '../../db/reviews.ts'
import type { CallShown } from '../../ops/call-show.ts'
import { mayAct } from '../../ops/operation.ts'
import type { Outputs } from './call-outputs.ts'
import { clock, moment, money, number } from './format.ts'
import { type Html, html } from './html.ts'
import { entity, qualityWord, stepName } from './parts.ts'
import { reviewForms } from './review-forms.ts'
import type { View } from './view.ts'
import { doubtWords } from './words/doubt-words.ts'
import { followUpWords } from './words/follow-up-words.ts'

export interface VerdictFacts {
  readonly outputs: Outputs
  readonly reviews: readonly Review[]
  readonly domain: string | null
  readonly costMicros: number | null
}

/** The lead as it was judged, what people said of it, and the entry as it stands in the timeline. */
export function verdictPanel(view: View, shown: CallShown, facts: VerdictFacts): Html {
  const { words } = view.language
  const { verdict, plan, entry } = facts.outputs
  const rows: [string, Html | string | null][] = [
    [words.model, verdict?.model ?? null],
    [
      words.tokens,
      verdict?.usage == null
        ? null
        : `${number(view, verdict.usage.promptTokens)} ${words.tokensIn}, ${number(view, verdict.usage.completionTokens)} ${words.tokensOut}`,
    ],
    [
      words.audio,
      plan?.durationSeconds == null
        ? null
        : `${clock(plan.durationSeconds)}${plan.format === null ? '' : ` · ${plan.format}`} · ${clock(plan.heardSeconds)} ${words.heard}`,
    ],
    [words.cost, facts.costMicros === null ? null : money(view, facts.costMicros)],
  ]
  return html`<section class="panel" aria-labelledby="verdict-title"><h2 id="verdict-title">${words.verdict}</h2>${
    verdict === null
      ? html`<p class="dim">${shown.run?.state === 'done' || shown.run?.state === 'cancelled' ? words.noVerdictEver : `${words.noVerdict} ${stepName(words, standing(shown))}`}</p>`
      : html`<p class="big ${verdict.quality}"><b>${verdict.score}</b> ${qualityWord(words, verdict.quality)}<svg class="meter" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true"><rect class="track" width="100" height="6"/><rect class="${verdict.quality}" width="${verdict.score}" height="6"/></svg></p><p>${verdict.reason}</p>${
          verdict.doubts.length > 0 &&
          html`<div class="note warn"><strong>${words.doubtsTitle}</strong><ul>${verdict.doubts.map((doubt) => html`<li>${doubtWords(view.language, doubt)}</li>`)}</ul></div>`
        }${facts.reviews.map((review) => decided(view, review))}`
  }<dl class="pairs">${rows.map(([name, value]) => value !== null && html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>${
    entry !== null && entryShown(view, facts)
  }${shown.followUps.length > 0 && followUpsShown(view, shown)}${
    verdict !== null &&
    verdict.doubts.length > 0 &&
    facts.reviews.length === 0 &&
    mayAct(view.visitor, 'operator') &&
    reviewForms(view, { callId: shown.call.id, ...verdict })
  }</section>`
}

const standing = (shown: CallShown): string =>
  shown.steps.find((step) => step.state !== 'done' && step.state !== 'cancelled')?.name ?? 'locateRecording'

function decided(view: View, review: Review): Html {
  const { words } = view.language
  return html`<p class="note"><strong>${words[review.decision]}</strong> · ${review.actor}, ${moment(view, review.at)}${
    review.decision === 'corrected' &&
    html`<br>${review.quality !== null && qualityWord(words, review.quality)} ${review.score}: ${review.reason}`
  }</p>`
}

function followUpsShown({ language }: View, shown: CallShown): Html {
  return html`<h3>${followUpWords(language, 'title')}</h3><ul class="log">${shown.followUps.map(
    ({ kind, state, why, on }) =>
      html`<li><b>${followUpWords(language, kind)}</b> ${followUpWords(language, why ?? state)}${on.length > 0 && html` <span class="dim">${on.join(', ')}</span>`}</li>`,
  )}</ul>`
}

function entryShown(view: View, { outputs: { entry }, domain }: VerdictFacts): Html {
  const { words } = view.language
  if (entry === null) return html``
  const states: Readonly<Record<string, string>> = {
    written: words.entryWritten,
    found: words.entryFound,
    kept: words.entryKept,
    observed: words.entryObserved,
  }
  return html`<h3>${words.timelineEntry} <small>${states[entry.state] ?? entry.state}${entry.externalId !== null && ` · № ${entry.externalId}`}</small></h3><p>${entity(view, { entityTypeId: entry.entity?.typeId ?? null, entityId: entry.entity === null ? null : String(entry.entity.id), domain })}</p><details><summary>${entry.title}</summary><blockquote>${entry.text.split('\n').map((line) => html`${line}<br>`)}</blockquote></details>`
}
