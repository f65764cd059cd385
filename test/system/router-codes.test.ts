import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type RouterCode, routerCodes } from '../../src/router/codes.ts'
import { type RouterBench, settingsFor, startRouterBench } from '../support/router-bench.ts'

let bench: RouterBench
let groq: string
let custom: string

beforeAll(async () => {
  bench = await startRouterBench({
    allowMock: true,
    windows: { speechMs: 300 },
    settings: (url) => ({
      ...settingsFor(url),
      defaultModel: undefined,
      lifecycle: { 'bitrix/gone': { status: 'DISABLED' } },
      providers: { groq: { baseUrl: url }, mistral: { baseUrl: url } },
    }),
  })
  groq = await connect({ provider: 'groq', apiKey: 'gsk-of-the-tests-0001' })
  custom = await connect({ provider: 'custom', baseUrl: bench.provider.url })
})
afterAll(async () => bench.close())
beforeEach(() => {
  bench.provider.play = undefined
})

async function connect(body: object): Promise<string> {
  const made = await bench.send('POST', '/v1/ai/credentials', body)
  expect(made.status, JSON.stringify(made.body)).toBe(201)
  return (made.body as { data: { id: string } }).data.id
}

const messages = [{ role: 'user', content: 'x' }]
const model = 'bitrix/bitrixgpt-5.5'
const chat = (body: object, headers?: Record<string, string>) =>
  bench.send('POST', '/v1/chat/completions', { model, messages, ...body }, headers)
const withKey = async (wanted: Parameters<RouterBench['makeKey']>[0]) => ({
  'x-api-key': (await bench.makeKey(wanted)).key,
})
const play = (status: number, body = '{}') => {
  bench.provider.play = (_request, response) => void response.writeHead(status).end(body)
}
const credentials = (body: object) => bench.send('POST', '/v1/ai/credentials', body)
const speech = (fields: Record<string, string>, file?: string) => {
  const parts = Object.entries(fields).map(
    ([name, value]) => `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  )
  if (file !== undefined)
    parts.push(`--b\r\nContent-Disposition: form-data; name="file"; filename="a.mp3"\r\n\r\n${file}\r\n`)
  return bench.send('POST', '/v1/audio/transcriptions', `${parts.join('')}--b--\r\n`, {
    'x-api-key': bench.key,
    'content-type': 'multipart/form-data; boundary=b',
  })
}

type Row = readonly [RouterCode, 'openai' | 'v1', string, () => ReturnType<RouterBench['send']>]
const bad = 'invalid_request_error'

/** Each code of the page once: its status, its envelope, its type, its case. */
const rows: readonly Row[] = [
  ['scope_missing', 'openai', bad, async () => chat({}, await withKey({ scopes: ['crm'] }))],
  ['invalid_request', 'openai', bad, () => chat({ temperature: 99 })],
  ['no_default_model', 'openai', bad, () => chat({ model: undefined })],
  [
    'invalid_image_payload',
    'openai',
    bad,
    () =>
      chat({
        messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'file:///etc/passwd' } }] }],
      }),
  ],
  ['invalid_language', 'openai', bad, () => speech({ language: 'ru-RU' }, 'x')],
  ['no_file', 'openai', bad, () => speech({ language: 'ru' })],
  ['empty_file', 'openai', bad, () => speech({}, '')],
  ['ai_model_not_found', 'openai', bad, () => chat({ model: 'no/such' })],
  ['not_found', 'v1', '', () => bench.send('DELETE', '/v1/ai/credentials/00000000-0000-0000-0000-000000000000')],
  ['provider_not_found', 'v1', '', () => credentials({ provider: 'acme', apiKey: 'x' })],
  ['ai_credentials_not_configured', 'openai', 'insufficient_quota', () => chat({ model: 'openai/gpt-4o-mini' })],
  [
    'insufficient_balance',
    'openai',
    'insufficient_quota',
    async () => chat({ model: 'paid/chat' }, await withKey({ budgetMicros: 1 })),
  ],
  [
    'credential_invalid',
    'v1',
    '',
    () => {
      play(401)
      return credentials({ provider: 'mistral', apiKey: 'wrong' })
    },
  ],
  ['already_exists', 'v1', '', () => credentials({ provider: 'groq', apiKey: 'gsk-another' })],
  ['base_url_invalid', 'v1', '', () => credentials({ provider: 'custom', baseUrl: 'ftp://pub.test/' })],
  ['base_url_private', 'v1', '', () => credentials({ provider: 'custom', baseUrl: 'http://10.0.0.1/v1' })],
  ['not_custom_provider', 'v1', '', () => bench.send('POST', `/v1/ai/credentials/${groq}/models`, { modelId: 'x' })],
  [
    'provider_list_models_unavailable',
    'v1',
    '',
    () => {
      play(404)
      return bench.send('POST', `/v1/ai/credentials/${custom}/fetch-models`)
    },
  ],
  [
    'ai_provider_unavailable',
    'openai',
    'server_error',
    () => {
      play(422)
      return chat({})
    },
  ],
  [
    'ai_provider_timeout',
    'openai',
    'server_error',
    () => {
      bench.provider.play = async (request) => await request.closed
      return speech({}, 'x')
    },
  ],
  ['model_unavailable', 'openai', 'service_unavailable', () => chat({ model: 'bitrix/gone' })],
  ['MISSING_API_KEY', 'openai', bad, () => chat({}, {})],
  ['INVALID_API_KEY', 'openai', bad, () => chat({}, { authorization: 'Bearer vibe_api_nobody' })],
  [
    'RATE_LIMIT_EXCEEDED',
    'openai',
    bad,
    async () => {
      const headers = await withKey({ perSecond: 1 })
      const answers = await Promise.all(Array.from({ length: 20 }, () => chat({}, headers)))
      return answers.find(({ status }) => status !== 200) ?? (await chat({}, headers))
    },
  ],
  // Last: it takes a table away.
  [
    'INTERNAL_ERROR',
    'openai',
    'server_error',
    async () => {
      await sql`drop table callsift.router_models`.execute(bench.record.db)
      return await chat({}, await withKey({ tenant: 'unread' }))
    },
  ],
]

test('the table has a row for each of the 25 codes', () => {
  expect(rows.map(([code]) => code).sort()).toEqual(Object.keys(routerCodes).sort())
  expect(rows).toHaveLength(25)
})

test.each(rows)('%s: %s %s', async (code, envelope, type, send) => {
  const answer = await send()
  const message = expect.any(String) as string
  expect({ status: answer.status, body: answer.body }).toEqual({
    status: routerCodes[code],
    body:
      envelope === 'v1'
        ? { success: false, error: { code, message } }
        : {
            error: {
              message,
              type,
              code,
              param: expect.toSatisfy((value) => value === null || typeof value === 'string') as null,
            },
          },
  })
})
