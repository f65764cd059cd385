import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { classWords } from '../../src/http/pages/words/class-words.ts'
import { chooseLanguage } from '../../src/http/pages/words/language.ts'
import { problemWords } from '../../src/http/pages/words/problem-words.ts'
import { errorTable } from '../../src/wire/error-table.ts'

// What a person may be shown has words in both languages, wherever in the program it is made.
const root = fileURLToPath(new URL('../../', import.meta.url))
const files = ['src', 'workers'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !/^(sandbox|router)\//.test(name))
    .map((name) => ({ name, text: readFileSync(join(root, folder, name), 'utf8') })),
)
const found = (shape: RegExp, where = /./) =>
  files
    .filter((file) => where.test(file.name))
    .flatMap((file) => [...file.text.matchAll(shape)].map((match) => match[1] ?? ''))
const isRussian = (text: string) => /\p{Script=Cyrillic}/u.test(text)

test('every class that a step can end with has a title and a mend, in Russian too', () => {
  const classes = new Set([
    ...found(/new (?:Permanent|Retry)\(\s*'([a-z_]+)'/g),
    ...found(/new (?:Later|Blocked)\([^'"`;]*?,\s*'([a-z_]+)'/g),
    ...found(/\b(?:class|ended): '([a-z_]+)'/g),
    ...found(/ended: z\.enum\(\['([a-z_]+)'/g),
    ...errorTable.map((row) => row.class),
    ...['exhausted', 'poison', 'bug', 'unknown_step', 'no_entity', 'transcript_only', 'too_short'],
  ])
  expect(classes.size).toBeGreaterThan(80)
  const [russian, english] = [chooseLanguage(undefined, 'ru'), chooseLanguage(undefined, 'en')]
  const missing = [...classes].filter((name) => {
    const [ru, en] = [classWords(russian, name), classWords(english, name)]
    return !isRussian(ru.title) || !isRussian(ru.mend) || en.title === '' || en.mend === ''
  })
  expect(missing.sort()).toEqual([])
})

test('every problem that a page can answer with is told in Russian', () => {
  const kinds = new Set([
    ...found(/new OperationError\(\s*'([a-z_]+)'/g),
    ...found(/new Problem\(\s*\d+,\s*'([a-z_]+)'/g, /^http\/(pages|idempotent|same-site)/),
    'not_possible',
    'record_away',
  ])
  expect(kinds.size).toBeGreaterThan(20)
  const missing = [...kinds].filter((kind) => {
    const text = problemWords(chooseLanguage(undefined, 'ru'), { kind, detail: 'x', mend: 'y' })
    return !isRussian(text.detail) || (text.mend !== '' && !isRussian(text.mend))
  })
  expect(missing.sort()).toEqual([])
  expect(problemWords(chooseLanguage(undefined, 'en'), { kind: 'last_admin', detail: 'x', mend: 'y' })).toEqual({
    detail: 'x',
    mend: 'y',
    exactly: null,
  })
})
