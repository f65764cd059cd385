import type { Measured } from './audio-worker.ts'
import type { AudioPlan } from './plan.ts'

const WIDTH = 1200
const LANE = 120
const GAP = 24
const TOP = 66
const AXIS = 34

const names = { agent: 'agent', customer: 'customer' }

/**
 * The waveform with the parts and the cuts as one SVG, a lane a channel: silence that is left out stays grey, a cut in a pause is a thin
 * line, a hard one a thick one with the sound that both parts hold shaded. Readable on light and dark.
 */
export function drawPlan(measured: Measured, plan: AudioPlan, title: string): string {
  const { durationSeconds, peaks } = measured
  const x = (seconds: number) => round((seconds / durationSeconds) * WIDTH)
  const lanes = peaks.length
  const height = TOP + lanes * (LANE + GAP) + AXIS
  const laneOf = (channel: number | null) => (channel === null ? [...peaks.keys()] : [channel])
  const shapes: string[] = []
  for (const [lane, row] of peaks.entries()) {
    const middle = TOP + lane * (LANE + GAP) + LANE / 2
    const half = (index: number) => Math.max(0.5, ((row[index] ?? 0) * LANE) / 2)
    const upper = row.map((_, index) => `${round((index / row.length) * WIDTH)},${round(middle - half(index))}`)
    const lower = row.map((_, index) => `${round((index / row.length) * WIDTH)},${round(middle + half(index))}`)
    shapes.push(`<polygon class="wave" points="${[...upper, ...lower.reverse()].join(' ')}"/>`)
  }
  for (const part of plan.parts) {
    for (const lane of laneOf(part.channel)) {
      const y = TOP + lane * (LANE + GAP)
      for (const span of part.spans) {
        const width = round(Math.max(1, x(span.endSeconds) - x(span.startSeconds)))
        shapes.push(
          `<rect class="sent p${part.index % 2}" x="${x(span.startSeconds)}" y="${y}" width="${width}" height="${LANE}"/>`,
        )
      }
      const start = part.spans[0]?.startSeconds ?? 0
      if (part.seam !== 'start')
        shapes.push(`<line class="${part.seam}" x1="${x(start)}" x2="${x(start)}" y1="${y}" y2="${y + LANE}"/>`)
      if (part.overlapSeconds > 0) {
        const width = round(x(start + part.overlapSeconds) - x(start))
        shapes.push(`<rect class="overlap" x="${x(start)}" y="${y}" width="${width}" height="${LANE}"/>`)
      }
      const label = `part ${part.index + 1}${part.speaker === null ? '' : ` ${names[part.speaker]}`}`
      shapes.push(`<text class="small" x="${x(start)}" y="${y - 4}">${label}</text>`)
    }
  }
  const axisY = TOP + lanes * (LANE + GAP) + 14
  const every = tickSeconds(durationSeconds)
  for (let at = 0; at <= durationSeconds; at += every) {
    shapes.push(`<text class="small" x="${x(at)}" y="${axisY}">${clock(at)}</text>`)
  }
  const sums = `${clock(durationSeconds)}, ${plan.parts.length} part${plan.parts.length === 1 ? '' : 's'}, ${clock(plan.heardSeconds)} sent`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeXml(`${title}: ${sums}`)}">
<style>
  svg { background: #fff; font: 13px system-ui, sans-serif }
  .wave { fill: #3b6ea8 } .sent { fill-opacity: .12 } .p0 { fill: #1f8a4c } .p1 { fill: #b2690e }
  .pause { stroke: #1f8a4c; stroke-width: 2 } .hard { stroke: #c0392b; stroke-width: 4 } .overlap { fill: #c0392b; fill-opacity: .25 }
  text { fill: #1b1f24 } .small { font-size: 11px; fill: #57606a }
  @media (prefers-color-scheme: dark) {
    svg { background: #14181d } .wave { fill: #79b0ee } text { fill: #e6edf3 } .small { fill: #9aa5b1 }
    .p0 { fill: #4cc27f } .p1 { fill: #e5a04d } .pause { stroke: #4cc27f } .hard { stroke: #ff7b6b } .overlap { fill: #ff7b6b; fill-opacity: .3 }
  }
</style>
<text x="0" y="20" font-weight="600">${escapeXml(title)}</text>
<text x="0" y="40">${sums}</text>
${shapes.join('\n')}
</svg>
`
}

/** `1:05:09`, `4:07`. */
export function clock(seconds: number): string {
  const whole = Math.round(seconds)
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60]
  const rest = String(whole % 60).padStart(2, '0')
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${rest}` : `${minutes}:${rest}`
}

function tickSeconds(durationSeconds: number): number {
  return [5, 10, 30, 60, 300, 600, 1800].find((step) => durationSeconds / step <= 14) ?? 3600
}

const round = (value: number) => Math.round(value * 10) / 10

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
