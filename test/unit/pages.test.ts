import { describe, expect, test } from 'vitest'
import { csvLine } from '../../src/csv.ts'
import { readRange } from '../../src/http/pages/audio-routes.ts'
import { html } from '../../src/http/pages/html.ts'
import { safePath } from '../../src/http/pages/page-scope.ts'
import { markQuotes, quotesOf } from '../../src/http/pages/quotes.ts'
import { classWords } from '../../src/http/pages/words/class-words.ts'
import { doubtWords } from '../../src/http/pages/words/doubt-words.ts'
import { chooseLanguage } from '../../src/http/pages/words/language.ts'
import { reasonWords } from '../../src/http/pages/words/reason-words.ts'
import { hashPassword, isPassword } from '../../src/password.ts'
import { classTexts } from '../../src/wire/class-text.ts'

const russian = chooseLanguage(undefined, 'ru')
const english = chooseLanguage(undefined, 'en')

describe('words', () => {
  test('every class of failure has a title and a mend in Russian', () => {
    const missing = Object.keys(classTexts).filter((name) => {
      const { title, mend } = classWords(russian, name)
      return !/\p{Script=Cyrillic}/u.test(title) || !/\p{Script=Cyrillic}/u.test(mend)
    })
    expect(missing).toEqual([])
    expect(classWords(english, 'rate_limited')).toEqual(classTexts['rate_limited'])
    expect(classWords(russian, 'something_new').title).toBe('Something new')
    expect(classWords(russian, 'toString').title).toBe('ToString')
  })

  test('reasons of deliveries and doubts about verdicts too', () => {
    expect(reasonWords(russian, 'too_short', 'acme')).toEqual({
      sentence: 'Звонок короче наименьшей длины.',
      mend: 'Чтобы такие оценивались: callsift portal set acme minSeconds=ЧИСЛО',
    })
    expect(doubtWords(russian, 'a score of 97 from 12 words')).toBe('балл 97 по 12 словам')
    expect(doubtWords(english, 'anything')).toBe('anything')
  })

  test('no key is left empty, and none of Russian is English', () => {
    const same = Object.keys(english.words).filter(
      (key) => english.words[key as keyof typeof english.words] === russian.words[key as keyof typeof russian.words],
    )
    expect(same).toEqual(['title', 'csv', 'http', 'callId'])
  })
})

describe('quotes', () => {
  test('are found in what was said, whatever commas and letters the model changed', () => {
    const quotes = quotesOf('Бюджет «до шестисот тысяч, рублей», срок "в этом месяце", и «да»')
    expect(quotes).toEqual(['до шестисот тысяч, рублей', 'в этом месяце'])
    const pieces = markQuotes('Бюджет утверждён: до шестисот тысяч рублей. В ЭТОМ месяце!', quotes)
    expect(pieces.filter((piece) => piece.quoted).map((piece) => piece.text)).toEqual([
      'до шестисот тысяч рублей',
      'В ЭТОМ месяце',
    ])
    expect(pieces.map((piece) => piece.text).join('')).toBe(
      'Бюджет утверждён: до шестисот тысяч рублей. В ЭТОМ месяце!',
    )
    expect(markQuotes('ничего такого', quotes)).toEqual([{ text: 'ничего такого', quoted: false }])
  })
})

describe('small parts', () => {
  test('markup of others is escaped, also where an object pretends to be ours', () => {
    expect(
      html`<p title="${'"><b>'}">${{ markup: '<b>' }}${null}${false}${['<', html`<i>${'&'}</i>`]}</p>`.markup,
    ).toBe('<p title="&quot;&gt;&lt;b&gt;">[object Object]&lt;<i>&amp;</i></p>')
  })

  test.each([
    ['=1+1', `"'=1+1"\r\n`],
    ['@x', `"'@x"\r\n`],
    [' -1', `"' -1"\r\n`],
    ['\t=1', `"'\t=1"\r\n`],
    ['a,"b"', `"a,""b"""\r\n`],
    ['plain', 'plain\r\n'],
  ])('CSV of %j', (cell, line) => {
    expect(csvLine([cell])).toBe(line)
    expect(csvLine([-1, null, 2])).toBe('-1,,2\r\n')
  })

  test.each([
    ['bytes=0-', { from: 0, to: 99 }],
    ['bytes=10-19', { from: 10, to: 19 }],
    ['bytes=-5', { from: 95, to: 99 }],
    ['bytes=90-500', { from: 90, to: 99 }],
    ['bytes=100-', 'bad'],
    ['bytes=20-10', 'bad'],
    ['bytes=0-1,3-4', null],
    ['bytes=-', null],
    [undefined, null],
  ])('range %j of 100 bytes', (header, range) => {
    expect(readRange(header, 100)).toEqual(range)
  })

  test.each(['//evil.example', '/\\evil.example', 'https://evil.example', '', undefined, '/a b', '/\r\nx'])(
    'no way back leads to %j',
    (path) => {
      expect(safePath(path)).toBe('/calls')
    },
  )

  test('a password is known again, and nothing else is', async () => {
    const stored = await hashPassword('correct horse')
    expect(stored).toMatch(/^scrypt\$65536\$8\$1\$/)
    expect(await isPassword('correct horse', stored)).toBe(true)
    expect(await isPassword('correct horsE', stored)).toBe(false)
    expect(await isPassword('', null)).toBe(false)
  })
})
