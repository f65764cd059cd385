import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { maskPeople } from '../../workers/judge/mask-people.ts'
import { findSpokenRuns } from '../../workers/judge/spoken-numbers.ts'

const corpus = JSON.parse(readFileSync(new URL('../fixtures/people.json', import.meta.url), 'utf8')) as {
  phones: string[]
  documents: { kind: string; text: string; wrong: string }[]
  kept: string[]
}

describe('what identifies a person', () => {
  test('E7 there are twenty spellings', () => expect(corpus.phones).toHaveLength(20))

  test.each(corpus.phones)('E7 phone: %s', (sentence) => {
    const { text, counts } = maskPeople(sentence)
    expect(text).toContain('[PHONE_1]')
    expect(counts).toEqual({ PHONE: 1 })
    // Nothing of the number is left: an extension and a time of day are none of it.
    expect(text.replaceAll(/\[PHONE_\d\]/g, '')).not.toMatch(/\d{2}|девятьсот|шестьдесят|восемьдесят/i)
  })

  test.each(corpus.documents)('E7 $kind: $text', ({ kind, text, wrong }) => {
    expect(maskPeople(text).counts).toEqual({ [kind]: 1 })
    expect(maskPeople(wrong).counts).toEqual({})
  })

  test('E7 the same one has the same placeholder, another one the next', () => {
    const { text, counts } = maskPeople('Мой +7 912 345-67-89, жены 8 921 000-11-22. Ещё раз: 89123456789.')
    expect(text).toBe('Мой [PHONE_1], жены [PHONE_2]. Ещё раз: [PHONE_1].')
    expect(counts).toEqual({ PHONE: 2 })
  })

  test('names, where somebody introduces himself, and not more', () => {
    expect(maskPeople('Здравствуйте, меня зовут Иван Петров, компания Вектор.').text).toBe(
      'Здравствуйте, меня зовут [NAME_1], компания Вектор.',
    )
    expect(maskPeople('Иван Петров звонил вчера.').text).toBe('Иван Петров звонил вчера.')
  })
})

test('E7 what was masked once is not masked again by the words of its placeholders', () => {
  const once = maskPeople('(495) 123-45-67   123-45-67').text
  expect(once).toBe('[PHONE_1]   123-45-67')
  expect(maskPeople(once).text).toBe(once)
  expect(maskPeople('my phone 123-45-67').text).toBe('my phone [PHONE_1]')
})

test('E7 money and quantities stay: at most 2 % of the sentences lose anything', () => {
  const touched = corpus.kept.filter((sentence) => maskPeople(sentence).text !== sentence)
  expect({ touched, share: touched.length / corpus.kept.length }).toMatchObject({ touched: [] })
})

test('E7 no amount in roubles is ever masked, whatever it is', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 99_999_999_999 }), fc.constantFrom(' ', '\u00a0', ''), (amount, gap) => {
      const written = String(amount).replace(/\B(?=(\d{3})+(?!\d))/g, gap)
      const sentence = `Это ${written} рублей.`
      return maskPeople(sentence).text === sentence
    }),
    { numRuns: 2_000 },
  )
})

test('dictated numbers are joined as they are written', () => {
  const digits = (text: string) => findSpokenRuns(text).map((run) => run.digits)
  expect(digits('девятьсот двенадцать триста сорок пять шестьдесят семь')).toEqual(['91234567'])
  expect(digits('сто пять, двадцать тридцать, ноль ноль семь')).toEqual(['105203007'])
  expect(digits('два склада, три. пять')).toEqual(['2', '3', '5'])
})
