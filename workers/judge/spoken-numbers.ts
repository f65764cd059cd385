const units = ['ноль', 'один', 'два', 'три', 'четыре', 'пять', 'шесть', 'семь', 'восемь', 'девять']
const teens = [
  'десять',
  'одиннадцать',
  'двенадцать',
  'тринадцать',
  'четырнадцать',
  'пятнадцать',
  'шестнадцать',
  'семнадцать',
  'восемнадцать',
  'девятнадцать',
]
const tens = ['двадцать', 'тридцать', 'сорок', 'пятьдесят', 'шестьдесят', 'семьдесят', 'восемьдесят', 'девяносто']
const hundreds = ['сто', 'двести', 'триста', 'четыреста', 'пятьсот', 'шестьсот', 'семьсот', 'восемьсот', 'девятьсот']

const values = new Map<string, number>([
  ...units.map((word, n) => [word, n] as const),
  ['нуль', 0],
  ['одна', 1],
  ['две', 2],
  ...teens.map((word, n) => [word, n + 10] as const),
  ...tens.map((word, n) => [word, (n + 2) * 10] as const),
  ...hundreds.map((word, n) => [word, (n + 1) * 100] as const),
])

export interface SpokenRun {
  readonly start: number
  readonly end: number
  /** As one would write it down: «девятьсот двенадцать, триста сорок пять» = 912345. */
  readonly digits: string
}

/**
 * Runs of spoken Russian numbers, as numbers are dictated. A word that makes an amount of it (тысяч, рублей, лицензий) ends the run, and
 * the last number before it belongs to that word.
 */
export function findSpokenRuns(text: string): SpokenRun[] {
  const runs: SpokenRun[] = []
  let words: { value: number; start: number; end: number }[] = []
  const close = () => {
    const [first] = words
    const last = words.at(-1)
    if (first !== undefined && last !== undefined)
      runs.push({ start: first.start, end: last.end, digits: join(words.map((word) => word.value)) })
    words = []
  }
  for (const match of text.matchAll(/[а-яё]+|\d+/giu)) {
    const value = /^\d+$/.test(match[0]) ? undefined : values.get(match[0].toLowerCase().replaceAll('ё', 'е'))
    const last = words.at(-1)
    // Between dictated numbers stand pauses and dashes, not the end of a sentence.
    if (last !== undefined && !/^[\s,–—-]{1,4}$/u.test(text.slice(last.end, match.index))) close()
    if (value === undefined) close()
    else words.push({ value, start: match.index, end: match.index + match[0].length })
  }
  close()
  return runs
}

/** «сто двадцать три» is one number of three digits; «двадцать тридцать» are two. */
function join(numbers: readonly number[]): string {
  let digits = ''
  let group = 0
  let room = 1
  for (const value of numbers) {
    const width = value >= 100 ? 1_000 : value >= 10 ? 100 : 10
    if (group > 0 && width <= room) {
      group += value
      room = value >= 20 && value < 100 ? 10 : 1
    } else {
      if (group > 0) digits += group
      if (value === 0) {
        digits += '0'
        group = 0
      } else group = value
      room = value >= 100 ? 100 : value >= 20 ? 10 : 1
    }
  }
  return group > 0 ? digits + group : digits
}
