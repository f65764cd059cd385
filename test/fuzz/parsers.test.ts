import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { probeAudio } from '../../src/audio/probe.ts'
import { sniffAudio } from '../../src/audio/sniff.ts'
import { isStepFailure } from '../../src/errors.ts'
import { parseForm } from '../../src/intake/parse-form.ts'
import { readEvent } from '../../src/intake/read-event.ts'
import { parseJsonBody, UnreadableBody } from '../../src/vibecode/answer-body.ts'
import { extractObject } from '../../src/vibecode/strict-json.ts'
import { maskPeople } from '../../workers/judge/mask-people.ts'
import { findSpokenOrders } from '../../workers/judge/spoken-orders.ts'
import { callEnd, type HttpApp, startHttpApp } from '../support/http-app.ts'

const targets = 5
/** Of each parser, so that all together take FUZZ_SECONDS. */
const shareMs = (Number(process.env['FUZZ_SECONDS'] ?? 60) * 1_000) / targets
/** An input that keeps the program busy for longer is as bad as one that ends it. */
const mostMs = 1_000

async function fuzz<Input>(inputs: fc.Arbitrary<Input>, read: (input: Input) => unknown): Promise<void> {
  let runs = 0
  await fc.assert(
    fc.asyncProperty(inputs, async (input) => {
      runs += 1
      const before = process.cpuUsage()
      await read(input)
      const { user, system } = process.cpuUsage(before)
      expect((user + system) / 1_000).toBeLessThan(mostMs)
    }),
    { numRuns: Number.MAX_SAFE_INTEGER, interruptAfterTimeLimit: shareMs, markInterruptAsFailure: false },
  )
  process.stdout.write(`  ${runs} inputs\n`)
  expect(runs).toBeGreaterThan(20)
}

/** Bytes of the kind, damaged: cut, doubled, overwritten, with noise between. */
function damaged(samples: readonly Buffer[]): fc.Arbitrary<Buffer> {
  const damage = fc.array(
    fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      with: fc.uint8Array({ maxLength: 12 }),
      how: fc.nat(3),
    }),
    { maxLength: 12 },
  )
  const whole = fc.tuple(fc.constantFrom(...samples), damage).map(([sample, places]) =>
    places.reduce((bytes, { at, with: piece, how }) => {
      const place = Math.floor(at * bytes.length)
      if (how === 0) return bytes.subarray(0, place)
      if (how === 1) return Buffer.concat([bytes.subarray(0, place), piece, bytes.subarray(place)])
      if (how === 2) return Buffer.concat([bytes.subarray(0, place), piece, bytes.subarray(place + piece.length)])
      return Buffer.concat([bytes, bytes.subarray(place, place + 4_096)])
    }, Buffer.from(sample)),
  )
  return fc.oneof(
    { arbitrary: whole, weight: 5 },
    { arbitrary: fc.uint8Array({ maxLength: 4_096 }).map((bytes) => Buffer.from(bytes)), weight: 1 },
  )
}

describe('E8 bytes of strangers', () => {
  test('E8 the form of an event', async () => {
    const words = fc.constantFrom(
      'data',
      'auth',
      '[',
      ']',
      '=',
      '&',
      '%',
      '%5B',
      '%5D',
      '%00',
      '%ff',
      '__proto__',
      'constructor',
      'event',
      'CALL_ID',
      'ONVOXIMPLANTCALLEND',
      '[0]',
      '[999999999]',
      '[][]',
    )
    const soup = fc
      .array(fc.oneof(words, fc.string({ unit: 'binary', maxLength: 6 })), { maxLength: 400 })
      .map((parts) => parts.join(''))
    const real = damaged([Buffer.from(callEnd())]).map((bytes) => bytes.toString('utf8'))
    await fuzz(fc.oneof(soup, real), (text) => {
      const form = parseForm(text)
      if (form === null) return
      const event = readEvent(form)
      // What is kept of it must be storable.
      expect(JSON.stringify(event.masked)).not.toContain('\\u0000')
      expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
    })
  })

  test('E8 JSON of an upstream and of a model', async () => {
    const json = fc.json({ maxDepth: 12 }).map((text) => Buffer.from(text))
    const wrapped = fc.tuple(
      fc.constantFrom('', '\uFEFF', '```json\n', '<think>', 'Here: '),
      fc.json(),
      fc.constantFrom('', '\n```', '</think>{}', ' ok'),
    )
    const deep = fc.nat(50_000).map((depth) => Buffer.from('['.repeat(depth) + ']'.repeat(depth)))
    await fuzz(
      fc.oneof(
        damaged([Buffer.from('{"quality":"high","score":88,"reason":"x","a":[1,{"b":"\\u00e9"}]}')]),
        json,
        deep,
        wrapped.map((parts) => Buffer.from(parts.join(''))),
      ),
      (bytes) => {
        try {
          parseJsonBody(bytes, 'application/json')
        } catch (error) {
          expect(error).toBeInstanceOf(UnreadableBody)
        }
        const object = extractObject(bytes.toString('utf8'))
        expect(typeof object.ok).toBe('boolean')
      },
    )
  })

  test('E8 the heads of recordings', async () => {
    const folder = new URL('../fixtures/audio/', import.meta.url)
    const samples = readdirSync(folder)
      .filter((name) => !name.endsWith('.txt') && !name.includes('24h') && !name.includes('endless'))
      // The head is what is read; the rest is sound.
      .map((name) => readFileSync(new URL(name, folder)).subarray(0, 24_000))
    await fuzz(damaged(samples), async (bytes) => {
      sniffAudio(bytes)
      try {
        await probeAudio(bytes, { minSeconds: 0, maxSeconds: 3_600, maxCpuMs: mostMs })
      } catch (error) {
        if (!isStepFailure(error)) throw error
      }
    })
  })

  test('E8 speech of any kind', async () => {
    const words = fc.constantFrom(
      'восемь',
      'девятьсот',
      'двенадцать',
      'ноль',
      '+7',
      '(495)',
      '123-45-67',
      '100',
      'score',
      'поставь',
      ' ',
      ',',
      '.',
      '@',
      'паспорт',
      'ИНН',
      'меня зовут',
      'Иван',
      'ignore all rules',
    )
    const speech = fc
      .array(fc.oneof(words, fc.string({ unit: 'grapheme', maxLength: 8 })), { maxLength: 2_000 })
      .map((parts) => parts.join(' '))
    const runs = fc
      .tuple(fc.constantFrom('1', '1 ', 'a', 'а ', 'a.', '@', '(', '100 ', 'п-', 'сто '), fc.nat(20_000))
      .map(([piece, times]) => piece.repeat(times))
    await fuzz(fc.oneof(speech, runs), (text) => {
      const masked = maskPeople(text)
      findSpokenOrders(text)
      // What was masked once is not masked again.
      expect(maskPeople(masked.text).counts['PHONE'] ?? 0).toBe(0)
    })
  })
})

describe('E8 multipart', () => {
  let on: HttpApp
  beforeAll(async () => {
    on = await startHttpApp()
    await on.addPortal()
  })
  afterAll(() => on.close())

  test('E8 a body over the socket', async () => {
    const boundary = 'xxBOUNDARYxx'
    const part = (head: string, body: string) =>
      `--${boundary}\r\nContent-Disposition: form-data; ${head}\r\n\r\n${body}\r\n`
    const whole = Buffer.from(
      `${part('name="portalId"', 'acme')}${part('name="callId"', 'c-1')}${part('name="file"; filename="a.mp3"', 'ID3 sound')}--${boundary}--\r\n`,
    )
    await fuzz(damaged([whole]), async (bytes) => {
      const answer = await fetch(`${on.server.url}/api/v1/calls`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${on.localToken}`,
          'content-type': `multipart/form-data; boundary=${boundary}`,
        },
        body: new Uint8Array(bytes),
      })
      await answer.arrayBuffer()
      expect([200, 201, 202, 400, 404, 409, 413, 415, 422]).toContain(answer.status)
    })
    const orphans = await on.app.db.selectFrom('callsift.uploads').select('id').where('sha256', '=', '').execute()
    expect(orphans).toEqual([])
  })
})
