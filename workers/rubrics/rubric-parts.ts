import { createHash } from 'node:crypto'
import { z } from 'zod'

// What rubrics of every kind have in common.

export const rubricName = z.string().regex(/^[a-z][a-z0-9-]{0,40}$/, 'must be a-z, 0-9 and "-"')
/** Raised by whoever edits it; stands in each verdict beside a digest of the contents. */
export const rubricVersion = z.number().int().min(1)
export const rubricText = z.string().trim().min(1).max(20_000)
export const rubricFields = z.array(z.string().regex(/^[A-Za-z]\w{0,60}$/, 'must be a field name')).max(100)

/** `lead@1 3fa2c19b`: name, version, and a digest by which an edit without a new version is seen too. */
export function nameFile(file: { readonly name: string; readonly version: number }): string {
  const digest = createHash('sha256').update(JSON.stringify(file)).digest('hex').slice(0, 8)
  return `${file.name}@${file.version} ${digest}`
}
