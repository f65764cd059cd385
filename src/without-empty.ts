/** Empty strings count as not set: compose files write `VIBECODE_API_KEY=` for "none". */
export function withoutEmpty(environment: Record<string, string | undefined>): Record<string, string> {
  const kept: Record<string, string> = {}
  for (const [name, value] of Object.entries(environment)) {
    if (value !== undefined && value.trim() !== '') kept[name] = value.trim()
  }
  return kept
}
