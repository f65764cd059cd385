import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { resealPortals } from '../../src/db/reseal.ts'
import { listCredentials, sealedFor } from '../../src/db/router-credentials.ts'
import { createSealer } from '../../src/seal.ts'
import { type MockProvider, startMockProvider } from '../support/mock-provider.ts'
import { type RouterBench, startRouterBench } from '../support/router-bench.ts'

let bench: RouterBench
let second: MockProvider
let nowMs = Date.parse('2026-11-26T12:00:00Z')

beforeAll(async () => {
  second = await startMockProvider()
  bench = await startRouterBench({
    now: () => nowMs,
    settings: (url) => ({
      upstreams: { first: { baseUrl: url }, second: { baseUrl: second.url } },
      models: [
        { id: 'bitrix/main', upstream: 'first', context: 8_192, can: ['json'], input: '1', output: '2' },
        { id: 'bitrix/spare', upstream: 'second' },
      ],
      defaultModel: 'bitrix/main',
      providers: { groq: { baseUrl: url } },
      aliases: { 'gpt-4o': 'bitrix/main' },
      fallbacks: { 'bitrix/main': ['bitrix/spare'], 'bitrix/closed': ['bitrix/spare'] },
      lifecycle: {
        'bitrix/old': { status: 'DISABLED', replacement: 'bitrix/spare' },
        'bitrix/closed': { status: 'DISABLED' },
        'bitrix/spare': { status: 'DEPRECATED', replacement: 'bitrix/main' },
      },
    }),
  })
})
afterAll(async () => {
  await bench.close()
  await second.close()
})
beforeEach(() => {
  nowMs += 3_600_000
  bench.provider.play = undefined
  second.play = undefined
  bench.provider.seen.length = 0
  second.seen.length = 0
})

const messages = [{ role: 'user', content: 'x' }]
const chat = (body: object = {}) => bench.send('POST', '/v1/chat/completions', { messages, ...body })
const refuse = (status: number, headers: Record<string, string> = {}) => {
  bench.provider.play = (_request, response) =>
    void response.writeHead(status, headers).end('{"error":{"message":"mine"}}')
}

test('models tell context, capabilities, price and where they are in their life', async () => {
  const { body } = await bench.send('GET', '/v1/models')
  expect(body).toMatchObject({
    object: 'list',
    data: [
      {
        id: 'bitrix/main',
        object: 'model',
        owned_by: 'bitrix',
        status: 'ACTIVE',
        context_length: 8_192,
        capabilities: ['chat', 'json'],
        pricing: { prompt: '1', completion: '2' },
      },
      { id: 'bitrix/spare', status: 'DEPRECATED', replacement: 'bitrix/main', pricing: { prompt: '0' } },
    ],
  })
})

test('an alias, a disabled model with a successor or a fallback, a deprecated one', async () => {
  expect((await chat({ model: 'gpt-4o' })).body).toMatchObject({ model: 'bitrix/main' })
  for (const model of ['bitrix/old', 'bitrix/closed']) {
    const moved = await chat({ model })
    expect(moved.body).toMatchObject({ model: 'bitrix/spare' })
    expect(moved.headers['x-model-replacement']).toBe('bitrix/spare')
  }
  const old = await chat({ model: 'bitrix/spare' })
  expect([old.headers['deprecation'], old.headers['x-model-replacement']]).toEqual(['true', 'bitrix/main'])
})

test.each([401, 404, 408, 500, 503])('%i is answered by the fallback', async (status) => {
  refuse(status)
  expect((await chat()).body).toMatchObject({ model: 'bitrix/spare' })
})

test('a connection that breaks is answered by the fallback, also for a stream', async () => {
  bench.provider.play = (_request, response) => void response.destroy()
  const answer = await chat({ stream: true })
  expect(answer.status).toBe(200)
  expect(String(answer.body)).toContain('[DONE]')
})

test('a request that the provider finds wrong is wrong for all: nobody else is asked, nothing repeated', async () => {
  refuse(400)
  const answer = await chat()
  expect([answer.status, answer.headers['x-should-retry']]).toEqual([502, 'false'])
  expect(JSON.stringify(answer.body)).not.toContain('mine')
  expect([bench.provider.seen.length, second.seen.length]).toEqual([1, 0])
})

test('a 429 is kept as long as it said: the source is left alone, and taken back', async () => {
  refuse(429, { 'retry-after': '60' })
  await chat()
  bench.provider.play = undefined
  await chat()
  expect([bench.provider.seen.length, second.seen.length]).toEqual([1, 2])
  nowMs += 61_000
  expect((await chat()).body).toMatchObject({ model: 'bitrix/main' })
})

test('a 429 of all is 502 with Retry-After', async () => {
  refuse(429, { 'retry-after': '30' })
  second.play = (_request, response) => void response.writeHead(429, { 'retry-after': '7' }).end()
  const answer = await chat()
  expect(answer.body).toMatchObject({ error: { code: 'ai_provider_unavailable', type: 'server_error' } })
  expect([answer.status, answer.headers['retry-after']]).toEqual([502, '7'])
})

test('a source that failed three times in a row rests for ten seconds', async () => {
  await chat()
  bench.provider.seen.length = 0
  refuse(500)
  for (let n = 0; n < 5; n += 1) await chat()
  expect(bench.provider.seen).toHaveLength(3)
  nowMs += 11_000
  await chat()
  expect(bench.provider.seen).toHaveLength(4)
})

test('a turnover of the secret key takes the keys of providers and the digest of our own along', async () => {
  expect((await bench.send('POST', '/v1/ai/credentials', { provider: 'groq', apiKey: 'gsk-turned-over' })).status).toBe(
    201,
  )
  // The bench's portal has no key that opens.
  await sql`delete from callsift.portals`.execute(bench.record.db)
  const next = createSealer('the secret that comes after it', 'a secret of the tests, long enough')
  expect(await resealPortals(bench.record.db, next)).toMatchObject({ resealed: 2 })
  const [row] = await listCredentials(bench.record.db, 'default')
  const alone = createSealer('the secret that comes after it')
  expect(row && alone.unseal(row.keySealed ?? '', sealedFor(row))).toBe('gsk-turned-over')
})
