import type { CallFacts } from './call-page.ts'
import { type Html, html } from './html.ts'
import { action, callSteps, select, stepName } from './parts.ts'
import type { View } from './view.ts'

/** What an operator can do with a call; what is paid again is said beside it, and what cannot be undone asks. */
export function callActions(view: View, facts: CallFacts): Html {
  const { words } = view.language
  const { shown, key } = facts
  const at = `/calls/${shown.call.id}`
  const parked = shown.steps.find((step) => step.state === 'parked')
  const seen = String(shown.run?.generation ?? 1)
  const written = shown.effects.some((effect) => effect.kind === 'timeline' && effect.state === 'written')
  const open = shown.run?.state === 'running' || shown.run?.state === 'parked'
  const again = (step: string) =>
    html`<form method="post" action="${at}/rerun"><input type="hidden" name="key" value="${key}-${step}"><input type="hidden" name="seen" value="${seen}"><button name="from" value="${step}">${words.runAgain} «${stepName(words, step)}»</button><small>${paid(view, facts, step)}</small></form>`
  return html`${parked !== undefined && action(`${at}/retry`, `${words.retryFrom} «${stepName(words, parked.name)}»`, { kind: 'primary', key: `${key}-retry` })}<details class="menu"><summary class="button">${words.moreActions}</summary><div>${callSteps.filter((name) => shown.steps.some((step) => step.name === name)).map(again)}
<form method="post" action="${at}/assign" class="fields"><strong>${words.assignTo}</strong>${select(
    'entityTypeId',
    words.assignTo,
    null,
    [
      ['2', words.deal],
      ['1', words.lead],
      ['3', words.contact],
      ['4', words.company],
    ],
    '2',
  )}<label><span class="hidden">${words.recordNumber}</span><input name="entityId" inputmode="numeric" pattern="[1-9][0-9]{0,14}" placeholder="${words.recordNumber}" required></label><button>${words.assign}</button></form>
${written && html`<form method="post" action="${at}/write-again" class="fields"><input type="hidden" name="key" value="${key}-write"><p>${words.writeAgainAsk}</p><label class="check"><input type="checkbox" name="yes" value="true" required> ${words.writeAgainYes}</label><button class="danger">${words.writeAgain}</button></form>`}
${open && html`<form method="post" action="${at}/cancel" class="fields"><p>${words.dismissAsk}</p><button class="danger">${words.dismiss}</button></form>`}</div></details>`
}

function paid(view: View, { prices }: CallFacts, step: string): string {
  const { words } = view.language
  const price = prices[step]
  const names = (steps: readonly string[]) => steps.map((name) => stepName(words, name)).join(', ')
  if (price === undefined || (price.again.length === 0 && price.ifChanged.length === 0)) return words.paidNothing
  const certain = price.again.length === 0 ? [] : [`${words.paidAgain}: ${names(price.again)}`]
  const maybe = price.ifChanged.length === 0 ? [] : [`${names(price.ifChanged)}: ${words.paidIfChanged}`]
  return [...certain, ...maybe].join('; ')
}
