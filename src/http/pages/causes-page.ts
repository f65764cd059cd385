import type { CauseLine } from '../../ops/causes.ts'
import type { Status } from '../../ops/status.ts'
import { causeCard } from './cause-card.ts'
import { frame } from './frame.ts'
import { gateBanners } from './gate-banner.ts'
import { html } from './html.ts'
import type { View } from './view.ts'

/** Every cause for which calls stand still; those that somebody has decided about stand below. */
export function causesPage(view: View, facts: { causes: readonly CauseLine[]; gates: Status['gates'] }): string {
  const { words } = view.language
  const isOpen = (cause: CauseLine) => cause.status === 'open' || cause.status === 'regressed'
  const open = facts.causes.filter(isOpen)
  const others = facts.causes.filter((cause) => !isOpen(cause))
  const body = html`<h1>${words.causesTitle}</h1>${gateBanners(view, facts.gates)}
${open.length === 0 ? html`<p class="panel empty">${words.causesNone}</p>` : html`<div class="cards wide">${open.map((cause) => causeCard(view, cause, { brief: false, level: 2 }))}</div>`}
${others.length > 0 && html`<h2>${words.resolvedCauses}</h2><div class="cards wide">${others.map((cause) => causeCard(view, cause, { brief: false, level: 3 }))}</div>`}`
  return frame(view, { title: words.navCauses, tab: 'causes', body })
}
