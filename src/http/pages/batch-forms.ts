import { writeInputLines } from '../../ops/read-options.ts'
import { type Html, html } from './html.ts'
import { select } from './parts.ts'
import type { View } from './view.ts'

export interface Startable {
  /** What may be started: `score-leads`. */
  readonly verbs: readonly string[]
  readonly portals: readonly { readonly id: string; readonly name: string }[]
}

/** Which workflow, over which portal. */
export function whichFields(view: View, facts: Startable): Html {
  const { words } = view.language
  return html`${select(
    'workflow',
    words.workflow,
    null,
    facts.verbs.map((verb) => [verb, verb] as const),
    undefined,
  )}${select(
    'portalId',
    words.portal,
    null,
    facts.portals.map((portal) => [portal.id, portal.name] as const),
    undefined,
  )}`
}

/** When it begins, on the clocks of which zone. */
export function whenFields(view: View, schedule: { cron: string; timeZone: string }): Html {
  const { words } = view.language
  return html`<label>${words.cron}<input name="cron" value="${schedule.cron}" required maxlength="100" class="code" placeholder="0 3 * * *"><small>${words.cronHint}</small></label><label>${words.timeZone}<input name="timeZone" value="${schedule.timeZone}" maxlength="60" placeholder="Europe/Moscow"></label>`
}

/** Which records, and the workflow's other options: a line each, so that every workflow's options can be written. */
export function optionFields(view: View, input: unknown): Html {
  const { words } = view.language
  const { filter, others } = writeInputLines(input)
  return html`<label class="whole">${words.filterWord}<textarea name="filter" rows="2" maxlength="4000" class="code" placeholder="statusId=NEW">${filter}</textarea><small>${words.filterHint}</small></label><label class="whole">${words.optionsWord}<textarea name="options" rows="2" maxlength="4000" class="code" placeholder="maxLeads=500">${others}</textarea><small>${words.optionsHint}</small></label>`
}
