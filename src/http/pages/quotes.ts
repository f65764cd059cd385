/** What the judge quotes in its reason, in any of the usual marks. Shorter ones light up half the page. */
export function quotesOf(reason: string): string[] {
  const found = [...reason.matchAll(/«([^»]{4,300})»|“([^”]{4,300})”|"([^"]{4,300})"|„([^“]{4,300})“/g)]
  return found.map((match) => match[1] ?? match[2] ?? match[3] ?? match[4] ?? '')
}

/** Letters and digits only, in lower case, with where each stands in the text: models quote with other commas and dots. */
function skeleton(text: string): { letters: string; at: number[] } {
  let letters = ''
  const at: number[] = []
  for (let index = 0; index < text.length; index += 1) {
    const letter = (text[index] ?? '').toLowerCase().replace('ё', 'е')
    if (!/[\p{L}\p{N}]/u.test(letter) || letter.length !== 1) continue
    letters += letter
    at.push(index)
  }
  return { letters, at }
}

/** The pieces of a line, those that are quoted marked; together they are the line. */
export function markQuotes(line: string, quotes: readonly string[]): { text: string; quoted: boolean }[] {
  const { letters, at } = skeleton(line)
  const marked: [number, number][] = []
  for (const quote of quotes) {
    const wanted = skeleton(quote).letters
    if (wanted.length < 4) continue
    const from = letters.indexOf(wanted)
    if (from >= 0) marked.push([at[from] ?? 0, (at[from + wanted.length - 1] ?? 0) + 1])
  }
  marked.sort((one, other) => one[0] - other[0])
  const pieces: { text: string; quoted: boolean }[] = []
  let end = 0
  for (const [from, to] of marked) {
    if (from < end) continue
    if (from > end) pieces.push({ text: line.slice(end, from), quoted: false })
    pieces.push({ text: line.slice(from, to), quoted: true })
    end = to
  }
  if (end < line.length) pieces.push({ text: line.slice(end), quoted: false })
  return pieces
}
