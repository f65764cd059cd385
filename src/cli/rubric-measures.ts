export const qualities = ['high', 'medium', 'low'] as const
type Quality = (typeof qualities)[number]

interface Compared {
  readonly quality: Quality
  readonly score: number
  readonly label: { readonly quality: Quality; readonly score?: number | undefined }
}

/** How far verdicts agree with labels. `confusion[label][given]` counts texts; the error is over texts whose label has a score. */
export function measureAgreement(judged: readonly Compared[]) {
  const row = () => ({ high: 0, medium: 0, low: 0 })
  const confusion: Record<Quality, Record<Quality, number>> = { high: row(), medium: row(), low: row() }
  const errors: number[] = []
  for (const { quality, score, label } of judged) {
    confusion[label.quality][quality] += 1
    if (label.score !== undefined) errors.push(Math.abs(score - label.score))
  }
  const agreed = qualities.reduce((count, quality) => count + confusion[quality][quality], 0)
  return {
    texts: judged.length,
    agreed,
    agreement: judged.length === 0 ? 0 : agreed / judged.length,
    confusion,
    scored: errors.length,
    meanAbsoluteError: errors.length === 0 ? null : errors.reduce((all, one) => all + one, 0) / errors.length,
  }
}
