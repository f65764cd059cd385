import { guardFormula } from '../guard-formula.ts'

/** Rows as RFC 4180 text, a column for every key that any row has; objects as JSON. */
export function toCsv(rows: readonly Record<string, unknown>[]): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  const lines = rows.map((row) => columns.map((column) => cell(row[column])).join(','))
  return `${[columns.map(cell).join(','), ...lines].join('\r\n')}\r\n`
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return ''
  const told = typeof value === 'object' ? JSON.stringify(value) : String(value)
  const text = typeof value === 'string' ? guardFormula(told) : told
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
