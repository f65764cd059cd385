const entities: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  '#39': "'",
  nbsp: ' ',
  laquo: '«',
  raquo: '»',
  mdash: '—',
  ndash: '–',
}

/** Whether two texts of a card read the same: catalogues store HTML, and may put tags around a text and entities into it. */
export function sameText(one: string, other: string): boolean {
  return one === other || plain(one) === plain(other)
}

function plain(text: string): string {
  return text
    .replace(/<\/?[a-z][^>]*>/gi, ' ')
    .replace(/&(#?\w{2,6});/g, (whole, name: string) => entities[name.toLowerCase()] ?? whole)
    .replace(/[\s\u00a0]+/g, ' ')
    .trim()
}
