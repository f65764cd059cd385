import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const texts = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => readFileSync(join(root, name), 'utf8'))
/** What stands in quotes: titles, and the rows of tables that titles are made of. */
const quoted = new Set(
  texts.flatMap((text) =>
    [...text.matchAll(/(['"`])((?:\\.|(?!\1)[^\\\n])*)\1/g)].flatMap(
      (match) => match[2]?.match(/\b[A-Z]\d{1,3}\b/g) ?? [],
    ),
  ),
)
const fixtures = (name: string) => readFileSync(join(root, 'fixtures', name), 'utf8')

const rows = (letter: string, from: number, to: number, digits = 2) =>
  Array.from({ length: to - from + 1 }, (_, index) => `${letter}${String(from + index).padStart(digits, '0')}`)

test('every row of the goals for hostile input is a test that bears its number', () => {
  const all = [
    rows('W', 1, 38),
    rows('R', 147, 155, 3),
    rows('A', 1, 18),
    rows('U', 1, 21),
    rows('G', 1, 30),
    rows('E', 1, 8, 1),
    rows('O', 1, 10),
  ].flat()
  expect(all.filter((row) => !quoted.has(row))).toEqual([])
})

test('rows that stand in shared files are all there', () => {
  const ids = (name: string) => [...fixtures(name).matchAll(/"id": "([^"]+)"/g)].map((match) => match[1])
  expect(ids('ssrf.json')).toHaveLength(94)
  expect(ids('injection.json')).toHaveLength(18)
  expect(ids('vibecode/model-output.json')).toHaveLength(20)
})
