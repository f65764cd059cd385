/** Postgres stores no NUL in a text, and no half of a surrogate pair in JSON: a model's cut-off answer may hold either. */
export function toStoredText(text: string): string {
  return text.replaceAll('\u0000', '').toWellFormed()
}

/** JSON that a jsonb column takes, whatever texts stand in the value. */
export function toStoredJson(value: unknown): string {
  return JSON.stringify(value, (_key, entry: unknown) => (typeof entry === 'string' ? toStoredText(entry) : entry))
}
