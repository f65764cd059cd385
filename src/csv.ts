/**
 * A line of CSV. A cell that a spreadsheet would take for a formula gets an apostrophe before it: names and reasons come from strangers.
 * Our own numbers stay numbers.
 */
export function csvLine(cells: readonly (string | number | null)[]): string {
  return `${cells.map(csvCell).join(',')}\r\n`
}

function csvCell(value: string | number | null): string {
  if (value === null) return ''
  if (typeof value === 'number') return String(value)
  const safe = /^[\s]*[=+\-@]|^[\t\r\n]/.test(value) ? `'${value}` : value
  return /[",\r\n']/.test(safe) || safe !== value ? `"${safe.replaceAll('"', '""')}"` : safe
}
