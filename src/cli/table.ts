import { stripVTControlCharacters } from 'node:util'
import type { Terminal } from './terminal.ts'

const widthOf = (text: string) => [...stripVTControlCharacters(text)].length

/** Rows under headings, columns as wide as their widest cell. */
export function printTable(
  terminal: Terminal,
  headings: readonly string[],
  rows: readonly (readonly string[])[],
): void {
  const widths = headings.map((heading, column) =>
    Math.max(widthOf(heading), ...rows.map((row) => widthOf(row[column] ?? ''))),
  )
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) =>
        column === cells.length - 1 ? cell : cell + ' '.repeat((widths[column] ?? 0) - widthOf(cell)),
      )
      .join('  ')
      .trimEnd()
  terminal.line(terminal.paint('dim', line(headings)))
  for (const row of rows) terminal.line(line(row))
}

/** `3 min`, `2 h`, `4 d`: how long ago, or how long yet. */
export function showDuration(ms: number): string {
  const seconds = Math.max(0, ms) / 1000
  if (seconds < 100) return `${Math.round(seconds)} s`
  if (seconds < 6_000) return `${Math.round(seconds / 60)} min`
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h`
  return `${Math.round(seconds / 86_400)} d`
}

export function showTime(iso: string | null): string {
  return iso === null ? '-' : iso.replace('T', ' ').slice(0, 19)
}
