import { UsageError } from '../errors.ts'

/** `filter={"statusId":"NEW"}`, `maxLeads=5`, `rubric=lead`: what reads as JSON is JSON, all else is text. */
export function readPair(pair: string): [string, unknown] {
  const at = pair.indexOf('=')
  if (at < 1) throw new UsageError(`"${pair}" is not an option.`, { hint: 'Write name=value, such as maxLeads=5.' })
  const value = pair.slice(at + 1)
  try {
    return [pair.slice(0, at), JSON.parse(value) as unknown]
  } catch {
    return [pair.slice(0, at), value]
  }
}
