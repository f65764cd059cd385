import { Writable } from 'node:stream'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createLog } from '../../src/log.ts'

const seconds = (count: number) => vi.advanceTimersByTime(count * 1_000)
beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function open(level: string) {
  const lines: Record<string, unknown>[] = []
  const destination = new Writable({
    write(piece: Buffer, _encoding, done) {
      for (const line of piece.toString().trim().split('\n')) lines.push(JSON.parse(line) as Record<string, unknown>)
      done()
    },
  })
  return { log: createLog(level, destination), lines }
}

it('F08: what goes wrong many times is five lines in ten seconds, and one with the count of the rest', () => {
  const { log, lines } = open('info')
  for (let n = 0; n < 100; n += 1) log.warn({ error: `number ${n}` }, 'it failed')
  expect(lines.map((line) => line['error'])).toEqual([0, 1, 2, 3, 4].map((n) => `number ${n}`))
  seconds(10)
  expect(lines.slice(5)).toMatchObject([{ level: 40, more: 95, withinMs: 10_000, msg: 'it failed' }])
  // A new ten seconds: heard again.
  log.warn({ error: 'again' }, 'it failed')
  expect(lines.at(-1)).toMatchObject({ error: 'again' })
  seconds(10)
  expect(lines).toHaveLength(7)
})

it('hides no line behind another: level, sentence, outcome and class are told apart, also by children', () => {
  const { log, lines } = open('info')
  const child = log.child({ part: 'http' })
  for (let n = 0; n < 10; n += 1) {
    log.info({ outcome: 'retry', class: 'network' }, 'step ended')
    log.info({ outcome: 'retry', class: 'bad_gateway' }, 'step ended')
    child.error({ outcome: 'retry', class: 'network' }, 'step ended')
    child.warn('only words')
  }
  expect(lines).toHaveLength(4 * 5)
  seconds(10)
  const counts = lines.slice(20)
  expect(counts.map((line) => [line['class'], line['more'], line['msg'], line['part']])).toEqual([
    ['network', 5, 'step ended', undefined],
    ['bad_gateway', 5, 'step ended', undefined],
    ['network', 5, 'step ended', 'http'],
    [undefined, 5, 'only words', 'http'],
  ])
})

it('leaves nothing out for whoever asked for everything, and cleans the lines that count', () => {
  const { log, lines } = open('debug')
  for (let n = 0; n < 20; n += 1) log.warn('it failed')
  expect(lines).toHaveLength(20)
  const sampled = open('info')
  for (let n = 0; n < 6; n += 1) sampled.log.warn({ class: 'Bearer vibe_api_0123456789abcdef0123456789abcdef' }, 'no')
  seconds(10)
  expect(JSON.stringify(sampled.lines)).not.toContain('0123456789abcdef0123456789abcdef')
  expect(sampled.lines).toHaveLength(6)
})
