import { createHash } from 'node:crypto'

/** JSON with sorted keys, so that equal values have equal texts whatever order they were built in. */
export function canonicalJson(value: unknown): string {
  if (value === undefined) return 'null'
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value === 'object' && value !== null && !(value instanceof Date)) {
    const entries = Object.entries(value)
      .filter(([, entry]) => entry !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    return `{${entries.map(([key, entry]) => `${JSON.stringify(key)}:${canonicalJson(entry)}`).join(',')}}`
  }
  return JSON.stringify(value)
}

/** Two executions of one step with equal hashes saw the same input: the stored output of one serves the other. */
export function inputHash(step: string, input: unknown): string {
  return createHash('sha256').update(step).update('\n').update(canonicalJson(input)).digest('hex').slice(0, 32)
}
