import { type Html, html } from './html.ts'
import { select } from './parts.ts'
import type { View } from './view.ts'

/** Approve, correct or reject: three buttons, and the fields of a correction folded away. */
export function reviewForms(
  view: View,
  verdict: { callId: string; quality: string; score: number; reason: string },
): Html {
  const { words } = view.language
  const to = `/calls/${verdict.callId}/review`
  const back = html`<input type="hidden" name="back" value="${view.path}">`
  const decide = (decision: string, text: string, kind: string) =>
    html`<form method="post" action="${to}" class="inline">${back}<button class="${kind}" name="decision" value="${decision}">${text}</button></form>`
  return html`<div class="actions">${decide('approved', words.approve, 'primary')}${decide('rejected', words.reject, 'plain')}</div><details class="correct"><summary>${words.correct}</summary><form method="post" action="${to}" class="fields">${back}<input type="hidden" name="decision" value="corrected">${select(
    'quality',
    words.quality,
    null,
    (['high', 'medium', 'low'] as const).map((one) => [one, words[one]] as const),
    verdict.quality,
  )}<label>${words.score} <input type="number" name="score" min="0" max="100" value="${verdict.score}" required></label><label class="whole">${words.reason}<textarea name="reason" rows="3" maxlength="2000" required>${verdict.reason}</textarea></label><button class="primary">${words.correct}</button></form></details>`
}
