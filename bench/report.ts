import { loadavg } from 'node:os'

/** One line of the table. `ceiling` is what the same machine did in the same run without the program; null = there is none. */
export interface Row {
  readonly figure: string
  readonly value: number
  readonly unit: string
  readonly ceiling: number | null
  /** As docs promise it; null = measured, not promised. */
  readonly promise: string | null
  readonly met: boolean | null
}

/** What is under way, on stderr: the table alone is the result. */
export function note(line: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} [load ${loadavg()[0]?.toFixed(1)}] ${line}\n`)
}

function plain(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en-US') : String(Math.round(value * 100) / 100)
}

export function printTable(rows: readonly Row[], json: boolean): void {
  if (json) {
    process.stdout.write(`${JSON.stringify({ load: loadavg(), rows }, null, 2)}\n`)
    return
  }
  const table = [
    ['figure', 'measured', 'ceiling', 'ratio', 'promise', ''],
    ...rows.map((row) => [
      row.figure,
      `${plain(row.value)} ${row.unit}`.trim(),
      row.ceiling === null ? '' : plain(row.ceiling),
      row.ceiling === null || row.ceiling === 0 ? '' : (row.value / row.ceiling).toFixed(2),
      row.promise ?? '',
      row.met === null ? '' : row.met ? 'met' : 'MISSED',
    ]),
  ]
  const widths = table[0]?.map((_, column) => Math.max(...table.map((line) => line[column]?.length ?? 0))) ?? []
  for (const line of table) {
    process.stdout.write(
      `${line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd()}\n`,
    )
  }
}
