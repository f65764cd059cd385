import type { Counted, Figures } from './report-input.ts'

/** Numbers written as words cannot be compared, so there may be none; one and its kin are left out: they are pronouns as often. */
const numberWords =
  /(?<!\p{L})(?:дв(?:а|е|ух|ум|умя|ое)|тр(?:и|[её]х|[её]м|емя|ое)|четыр\p{L}+|четвер\p{L}+|пят(?:ь|и|ью|еро)|шест(?:ь|и|ью)|сем(?:ь|и|ью)|восем\p{L}*|восьм\p{L}+|девят\p{L}+|десят\p{L}*|\p{L}+надцат\p{L}*|двадцат\p{L}*|тридцат\p{L}*|сорок\p{L}*|\p{L}+десят\p{L}*|девяност\p{L}*|сто|ста|двести|двухсот|триста|тр[её]хсот|\p{L}+сот|тысяч\p{L}*|миллион\p{L}*|миллиард\p{L}*|половин\p{L}*|треть\p{L}*|вдвое|втрое|вчетверо|полтор\p{L}*|дюжин\p{L}*|удво\p{L}+|утро(?:ил|ен)\p{L}*|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\p{L}+teen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundreds?|thousands?|millions?|billions?|half|halves|halved|thirds?|quarters?|twice|thrice|doubl\p{L}+|tripl\p{L}+|dozens?)(?!\p{L})/iu

interface Known {
  readonly counts: ReadonlySet<number>
  readonly percents: ReadonlySet<number>
}

function known(figures: Figures): Known {
  const all: Counted[] = [figures.total, ...figures.groups]
  const counts = new Set([figures.groups.length])
  for (const { conversion: _, averageScore, ...sums } of all) {
    for (const value of Object.values(sums)) if (typeof value === 'number') counts.add(value)
    if (averageScore !== null) counts.add(averageScore)
  }
  return { counts, percents: new Set(all.map((one) => one.conversion)) }
}

/** How a number may be meant: «1 234,5», `1,234.5` and `12.500` are read in every way that they can be. */
function readings(written: string): number[] {
  const text = written.replace(/[\s\u00a0\u202f'’]/g, '')
  const plain = text.replace(/[.,]/g, '')
  const point = /^(.*)[.,](\d+)$/.exec(text)
  const grouped = /^\d{1,3}(?:[.,]\d{3})+$/.test(text)
  return [
    ...(point === null || grouped ? [Number(plain)] : []),
    ...(point === null ? [] : [Number(`${(point[1] ?? '').replace(/[.,]/g, '')}.${point[2] ?? ''}`)]),
  ]
}

/**
 * What is wrong with a model's prose over figures: numbers that are none of them, per cents that are counts, numbers in words, and names
 * that are nobody's. Empty = every number in it equals a figure.
 */
export function findWrongNumbers(prose: string, figures: Figures, placeholders: readonly string[]): string[] {
  const wrong: string[] = []
  const text = prose.normalize('NFKC')
  const named = [...text.matchAll(/\[[^\]]{1,40}\]/g)].map(([one]) => one)
  for (const one of named) if (!placeholders.includes(one)) wrong.push(`${one} is nobody`)
  const bare = text.replace(/\[[^\]]{1,40}\]/g, ' ')
  const word = numberWords.exec(bare)
  if (word !== null) wrong.push(`write numbers in digits, not "${word[0]}"`)
  const sign = /[\p{Nl}\p{No}]/u.exec(prose)
  if (sign !== null) wrong.push(`write numbers in digits, not "${sign[0]}"`)
  const glued = /\p{L}\p{Nd}|\p{Nd}\p{L}/u.exec(bare)
  if (glued !== null) wrong.push(`"${glued[0]}": a number stands by itself`)
  const { counts, percents } = known(figures)
  for (const match of bare.matchAll(/\p{N}(?:[\p{N}.,'’\u00a0\u202f]|[ ](?=\p{N}{3}(?!\p{N})))*/gu)) {
    const written = match[0].replace(/[.,'’\u00a0\u202f]+$/, '')
    const isPercent = /^\s*(?:%|процент|per ?cent)/iu.test(bare.slice(match.index + written.length))
    const allowed = isPercent ? percents : counts
    if (!readings(written).some((value) => allowed.has(value)))
      wrong.push(`${written}${isPercent ? '%' : ''} is none of the figures`)
  }
  return wrong
}
