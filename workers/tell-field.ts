const longestField = 8_000

/** A field of a CRM record as a model reads it: one text, bounded, empty where there is nothing. */
export function tellField(value: unknown): string {
  if (value === null || value === undefined) return ''
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value)
  return text.trim().slice(0, longestField)
}
