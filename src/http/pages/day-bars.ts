import { type Html, html } from './html.ts'

/** Bars by day; what each stands for is told by its title, all of them by the label, and the figures by a table beside it. */
export function dayBars(label: string, days: readonly { readonly value: number; readonly title: string }[]): Html {
  const [width, height] = [960, 120]
  const most = Math.max(1, ...days.map((day) => day.value))
  const slot = width / Math.max(1, days.length)
  const bar = Math.min(60, Math.max(1, slot * 0.78))
  return html`<svg class="bars" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${label}">${days.map(
    ({ value, title }, index) => {
      const tall = Math.max(value > 0 ? 1.5 : 0.5, (value / most) * (height - 2))
      return html`<g><title>${title}</title><rect class="all" x="${(index * slot + (slot - bar) / 2).toFixed(1)}" y="${(height - tall).toFixed(1)}" width="${bar.toFixed(1)}" height="${tall.toFixed(1)}" rx="1"/></g>`
    },
  )}</svg>`
}
