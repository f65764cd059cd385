import { InvalidArgumentError } from 'commander'
import { readFilterPair } from '../ops/read-options.ts'

/** `--filter statusId=NEW --filter ">=createdTime=2026-10-01"`: a comparison before the field's name, its value after the sign. */
export function readFilter(text: string, before: Record<string, string> | undefined): Record<string, string> {
  const pair = readFilterPair(text)
  if (pair === null)
    throw new InvalidArgumentError('Write field=value, such as statusId=NEW or ">=createdTime=2026-10-01".')
  return { ...before, [pair[0]]: pair[1] }
}

export function readAmount(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value) || value < 0)
    throw new InvalidArgumentError('Give an amount such as 50.')
  return value
}
