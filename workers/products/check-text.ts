import { findSpokenOrders } from '../judge/spoken-orders.ts'
import type { ProductRubric } from '../rubrics/product-rubric.ts'

export interface TextFindings {
  /** Breaks the rubric: such a text is not used. */
  readonly faults: readonly string[]
  /** May be right: a person should look. */
  readonly doubts: readonly string[]
}

/** What code can say about a text that a model wrote about a product: length, words, language, markup, and numbers that nobody gave. */
export function checkText(text: string, rubric: ProductRubric, facts: string): TextFindings {
  const { min, max } = rubric.length
  const faults: string[] = []
  if (text.length < min || text.length > max)
    faults.push(`the text has ${text.length} characters, and must have ${min} to ${max}`)
  for (const word of rubric.forbidden)
    if (holdsWord(text, word)) faults.push(`the text holds the forbidden "${word.replace(/\*$/, '')}"`)
  if (/<\/?[a-z][^>]*>|\[\/?[a-z]+[\]=]|https?:\/\/|www\.|\]\(|^\s*#|\*\*/im.test(text))
    faults.push('the text holds markup or a link')
  const wanted = rubric.language === 'as-given' ? languageOf(facts) : rubric.language
  const got = alphabetOf(text)
  if (wanted !== null && got !== wanted) faults.push(`the text must be in ${wanted === 'ru' ? 'Russian' : 'English'}`)
  const given = new Set(numbersIn(facts))
  const invented = [...new Set(numbersIn(text))].filter((number) => !given.has(number))
  return {
    faults,
    doubts: [
      ...(invented.length === 0 ? [] : [`numbers that the product does not have: ${invented.slice(0, 5).join(', ')}`]),
      ...findSpokenOrders(facts).map((sign) => `the product ${sign}`),
    ],
  }
}

/** Case, and the letter ё, make no other word of it; `best*` is every word that begins so. */
function holdsWord(text: string, word: string): boolean {
  const plain = (of: string) => of.toLowerCase().replaceAll('ё', 'е').replace(/\s+/g, ' ')
  const any = word.endsWith('*')
  const stem = plain(any ? word.slice(0, -1) : word).replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`(?<![\\p{L}\\p{N}])${stem}${any ? '' : '(?![\\p{L}\\p{N}])'}`, 'u').test(plain(text))
}

/** Brands and codes stand in Latin letters wherever they are sold: one Cyrillic word among the values says Russian. */
function languageOf(facts: string): 'ru' | 'en' | null {
  const values = facts.replace(/^\w+: /gm, '')
  return /\p{Script=Cyrillic}{3}/u.test(values) ? 'ru' : alphabetOf(values)
}

/** Two alphabets are told apart, not two languages; null where there is hardly a letter. */
function alphabetOf(text: string): 'ru' | 'en' | null {
  const cyrillic = (text.match(/\p{Script=Cyrillic}/gu) ?? []).length
  const latin = (text.match(/\p{Script=Latin}/gu) ?? []).length
  if (cyrillic + latin < 3) return null
  return cyrillic >= latin ? 'ru' : 'en'
}

/** `1 500,00` and `1500` are one number. */
function numbersIn(text: string): string[] {
  return [...text.matchAll(/\d{1,3}(?:[ \u00a0]\d{3})+(?:[.,]\d+)?|\d+(?:[.,]\d+)?/g)].map((match) =>
    String(Number(match[0].replace(/[ \u00a0]/g, '').replace(',', '.'))),
  )
}
