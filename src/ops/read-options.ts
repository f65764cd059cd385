import { UsageError } from '../errors.ts'

const lines = (text: string) =>
  text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '')

/** `maxLeads=5`, `rubric=lead`: what reads as JSON is JSON, all else is text. */
export function readOption(pair: string): [string, unknown] {
  const at = pair.indexOf('=')
  if (at < 1) throw new UsageError(`"${pair}" is not an option.`, { hint: 'Write name=value, such as maxLeads=5.' })
  const value = pair.slice(at + 1).trim()
  const name = pair.slice(0, at).trim()
  try {
    return [name, JSON.parse(value) as unknown]
  } catch {
    return [name, value]
  }
}

/** `statusId=NEW`, `>=createdTime=2026-10-01`: a comparison before the field's name, its value after the sign. Null where it is none. */
export function readFilterPair(pair: string): [string, string] | null {
  const match = /^((?:>=|<=|!=|>|<|!|%|@)?[A-Za-z]\w*)=(.+)$/s.exec(pair)
  return match === null ? null : [match[1] ?? '', match[2] ?? '']
}

/** What a form says, a line each: a filter of the portal's records, and other options of the workflow. */
export function readInputLines(filter: string, others: string): Record<string, unknown> {
  const pairs = lines(filter).map((line) => {
    const pair = readFilterPair(line)
    if (pair !== null) return pair
    throw new UsageError(`"${line}" is no filter.`, {
      hint: 'Write field=value on a line of its own, such as statusId=NEW or >=createdTime=2026-10-01.',
    })
  })
  return {
    ...Object.fromEntries(lines(others).map(readOption)),
    ...(pairs.length === 0 ? {} : { filter: Object.fromEntries(pairs) }),
  }
}

/** The same the other way round. */
export function writeInputLines(input: unknown): { filter: string; others: string } {
  const { filter, ...rest } = (input ?? {}) as Record<string, unknown>
  // Said by saying nothing.
  const others = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== false))
  const pairs = (of: object) =>
    Object.entries(of).map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
  return {
    filter: typeof filter === 'object' && filter !== null ? pairs(filter).join('\n') : '',
    others: pairs(others).join('\n'),
  }
}
