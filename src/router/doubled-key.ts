/**
 * The first key that stands twice in one object of a valid JSON text. JSON.parse silently takes the last, and a provider may take
 * the first: what was checked here would not be what is done there.
 */
export function doubledKey(text: string): string | null {
  const open: (Set<string> | null)[] = []
  let key: string | null = null
  for (let at = 0; at < text.length; at += 1) {
    const letter = text.charCodeAt(at)
    if (letter === 0x22) {
      const start = at
      for (at += 1; text.charCodeAt(at) !== 0x22; at += 1) if (text.charCodeAt(at) === 0x5c) at += 1
      key = text.slice(start, at + 1)
    } else if (letter === 0x3a) {
      const seen = open.at(-1)
      if (key === null || seen == null) continue
      const name = key.includes('\\') ? (JSON.parse(key) as string) : key.slice(1, -1)
      if (seen.has(name)) return name
      seen.add(name)
    } else if (letter === 0x7b) open.push(new Set())
    else if (letter === 0x5b) open.push(null)
    else if (letter === 0x7d || letter === 0x5d) open.pop()
  }
  return null
}
