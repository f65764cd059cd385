import type { HourOfCalls } from '../../db/overview.ts'
import { dateOf, dateTime, hourLabel, number } from './format.ts'
import { type Html, html } from './html.ts'
import type { View } from './view.ts'

/** Bars of calls by hour, those that need a person in another colour; the figures stand in its label, and in a table beside it. */
export function hourBars(view: View, hours: readonly HourOfCalls[], options: { small: boolean }): Html {
  const { words } = view.language
  const most = Math.max(1, ...hours.map((hour) => hour.calls))
  const calls = hours.reduce((sum, hour) => sum + hour.calls, 0)
  const failed = hours.reduce((sum, hour) => sum + hour.failed, 0)
  const [width, height] = options.small ? [120, 30] : [960, 130]
  const foot = options.small ? 0 : 18
  const slot = width / Math.max(1, hours.length)
  const bar = Math.max(1, slot * 0.78)
  const scale = (n: number) => (n / most) * (height - 2)
  const label = `${words.callsByHour}: ${number(view, calls)} ${words.chartCalls}, ${number(view, failed)} ${words.chartFailed}`
  return html`<svg class="bars${options.small ? ' small' : ''}" viewBox="0 0 ${width} ${height + foot}" width="${width}" height="${height + foot}" role="img" aria-label="${label}">${hours.map(
    (hour, index) => {
      const x = (index * slot).toFixed(1)
      const all = Math.max(hour.calls > 0 ? 1.5 : 0.5, scale(hour.calls))
      const bad = hour.failed > 0 ? Math.max(1.5, scale(hour.failed)) : 0
      return html`<g><title>${dateTime(view, dateOf(hour.hour))}: ${hour.calls} ${words.chartCalls}, ${hour.failed} ${words.chartFailed}</title><rect class="all" x="${x}" y="${(height - all).toFixed(1)}" width="${bar.toFixed(1)}" height="${all.toFixed(1)}" rx="1"/>${bad > 0 && html`<rect class="failed" x="${x}" y="${(height - bad).toFixed(1)}" width="${bar.toFixed(1)}" height="${bad.toFixed(1)}" rx="1"/>`}</g>`
    },
  )}${!options.small && ticks(view, hours, { slot, height, most })}</svg>`
}

/** How high the highest bar is, and every so many hours which hour it was (of a week: which day). */
function ticks(
  view: View,
  hours: readonly HourOfCalls[],
  at: { slot: number; height: number; most: number },
): readonly Html[] {
  const byDay = hours.length > 48
  const told = hours.flatMap(({ hour }, index) => {
    const date = dateOf(hour)
    const text = hourLabel(view, date, byDay)
    const shown = byDay ? hourLabel(view, date, false).startsWith('00') : index % 4 === 0
    return shown
      ? [html`<text class="tick" x="${(index * at.slot).toFixed(1)}" y="${at.height + 14}">${text}</text>`]
      : []
  })
  return [html`<text class="tick" x="0" y="10">${number(view, at.most)}</text>`, ...told]
}

/** The mix of verdicts as one bar, and in words below it. */
export function qualityBar(view: View, mix: { high: number; medium: number; low: number }): Html {
  const { words } = view.language
  const all = mix.high + mix.medium + mix.low
  const text = `${number(view, mix.high)} ${words.high} · ${number(view, mix.medium)} ${words.medium} · ${number(view, mix.low)} ${words.low}`
  if (all === 0) return html`<b>–</b>`
  const parts = (['high', 'medium', 'low'] as const).filter((one) => mix[one] > 0)
  let x = 0
  return html`<svg class="mix" viewBox="0 0 260 10" width="260" height="10" preserveAspectRatio="none" role="img" aria-label="${words.qualityMix}: ${text}">${parts.map(
    (one) => {
      const width = (mix[one] / all) * 260
      const rect = html`<rect class="${one}" x="${x.toFixed(1)}" y="0" width="${Math.max(1, width - 2).toFixed(1)}" height="10"/>`
      x += width
      return rect
    },
  )}</svg><small>${text}</small>`
}
