import { expect, it } from 'vitest'
import { saySeldom } from '../../src/say-seldom.ts'

it('F08: what goes wrong many times a second is one line a period, with the count of the rest', () => {
  let now = 0
  const said: [number, string][] = []
  const say = saySeldom(
    5_000,
    (unsaid, what: string) => said.push([unsaid, what]),
    () => now,
  )
  for (now = 0; now < 10_000; now += 100) say(`at ${now}`)
  say('at last')
  expect(said).toEqual([
    [0, 'at 0'],
    [49, 'at 5000'],
    [49, 'at last'],
  ])
})
