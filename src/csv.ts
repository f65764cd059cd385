import { guardFormula } from './guard-formula.ts'

/** A line of CSV. Our own numbers stay numbers. */
export function csvLine(cells: readonly (string | number | null)[]): string {
  return `${cells.map(csvCell).join(',')}\r\n`
}

function csvCell(value: string | number | null): string {
  if (value === null) return ''
  if (typeof value === 'number') return String(value)
  const safe = guardFormula(value)
  return /[",\r\n']/.test(safe) || safe !== value ? `"${safe.replaceAll('"', '""')}"` : safe
}
