import { InvalidArgumentError } from 'commander'
import { UsageError } from '../errors.ts'

/** `--filter statusId=NEW --filter ">=createdTime=2026-10-01"`: a comparison before the field's name, its value after the sign. */
export function readFilter(text: string, before: Record<string, string> | undefined): Record<string, string> {
  const match = /^((?:>=|<=|!=|>|<|!|%|@)?[A-Za-z]\w*)=(.+)$/s.exec(text)
  if (match === null)
    throw new InvalidArgumentError('Write field=value, such as statusId=NEW or ">=createdTime=2026-10-01".')
  return { ...before, [match[1] ?? '']: match[2] ?? '' }
}

export function readAmount(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value) || value < 0)
    throw new InvalidArgumentError('Give an amount such as 50.')
  return value
}

/** `filter={"statusId":"NEW"}`, `maxLeads=5`, `rubric=lead`: what reads as JSON is JSON, all else is text. */
export function readOption(pair: string): [string, unknown] {
  const at = pair.indexOf('=')
  if (at < 1) throw new UsageError(`"${pair}" is not an option.`, { hint: 'Write name=value, such as maxLeads=5.' })
  const value = pair.slice(at + 1)
  try {
    return [pair.slice(0, at), JSON.parse(value) as unknown]
  } catch {
    return [pair.slice(0, at), value]
  }
}
