/** The user fields of a lead or deal that verdicts are written to, and nothing else. */
export const leadFields = [
  { name: 'UF_CRM_AI_SCORE', short: 'AI_SCORE', type: 'integer', label: 'AI score' },
  { name: 'UF_CRM_AI_QUALITY', short: 'AI_QUALITY', type: 'string', label: 'AI quality' },
  { name: 'UF_CRM_AI_REASON', short: 'AI_REASON', type: 'string', label: 'AI reason' },
] as const

/** A portal answers with `UF_CRM_AI_SCORE` or `ufCrmAiScore`, as it likes. */
export function missingLeadFields(present: ReadonlySet<string>) {
  const plain = new Set([...present].map((name) => name.replaceAll('_', '').toLowerCase()))
  return leadFields.filter((field) => !plain.has(field.name.replaceAll('_', '').toLowerCase()))
}

/** The values of a verdict in those fields. */
export function verdictFields(verdict: { quality: string; score: number; reason: string; doubts: readonly string[] }) {
  const { quality, score, reason, doubts } = verdict
  return {
    UF_CRM_AI_SCORE: score,
    UF_CRM_AI_QUALITY: quality,
    UF_CRM_AI_REASON: doubts.length > 0 ? `${reason} (needs review)` : reason,
  }
}
