import nock from 'nock'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { z } from 'zod'
import { createVibecode, type Vibecode } from '../../src/vibecode/client.ts'
import { recordingGuard, shortDurations } from '../fixtures/vibecode/guard.ts'

const origin = 'https://vibecode.bitrix24.tech'
const key = 'vibe_api_0123456789'
let gate: ReturnType<typeof recordingGuard>
let vibecode: Vibecode

beforeEach(() => {
  nock.disableNetConnect()
  gate = recordingGuard()
  vibecode = createVibecode({
    apiKey: key,
    guard: gate.guard,
    log: pino({ level: 'silent' }),
    durations: shortDurations,
  })
})
afterEach(async () => {
  await vibecode.close()
  nock.cleanAll()
  nock.enableNetConnect()
})

const system =
  'Classify the lead from the call text. Return JSON: {"quality": "high|medium|low", "score": 0-100, "reason": "..."}.'
const user = 'Vector LLC. CRM for 50 users, budget up to 500 thousand per month.'
const reason = 'Legal entity, specific volume (50 users) and budget of 500 thousand per month.'

interface Seen {
  headers: Record<string, string>
  body: string
}

/** Answers one request and keeps it as it was on the wire. */
function intercept(path: string, status: number, answer: object): Seen {
  const seen: Seen = { headers: {}, body: '' }
  nock(origin)
    .post(path)
    .reply(async (request: Request) => {
      seen.headers = Object.fromEntries(request.headers)
      seen.body = await request.text()
      return [status, answer, { 'x-request-id': 'req-1' }]
    })
  return seen
}

it('step 1: sends the recording as the seed does', async () => {
  const text = 'Hello, Vector LLC here. We want CRM for 50 users, budget up to 500 thousand per month.'
  const seen = intercept('/v1/audio/transcriptions', 200, { text })
  const file = Buffer.from('ID3 not really sound, but bytes all the same')
  const transcription = await vibecode.transcribe({
    file: async function* () {
      yield file.subarray(0, 10)
      yield file.subarray(10)
    },
    bytes: file.byteLength,
    filename: 'call-recording.mp3',
    language: 'ru',
    responseFormat: 'json',
  })
  expect(transcription).toEqual({ text, requestId: 'req-1' })
  expect(seen.headers['x-api-key']).toBe(key)
  expect(seen.headers['authorization']).toBeUndefined()
  expect(seen.headers['transfer-encoding']).toBeUndefined()
  expect(Number(seen.headers['content-length'])).toBe(Buffer.byteLength(seen.body))
  const type = seen.headers['content-type'] ?? ''
  expect(type).toMatch(/^multipart\/form-data; boundary=/)
  const form = await new Response(seen.body, { headers: { 'content-type': type } }).formData()
  expect([...form.keys()]).toEqual(['file', 'language', 'response_format'])
  expect(form.get('language')).toBe('ru')
  expect(form.get('response_format')).toBe('json')
  const sent = form.get('file')
  if (!(sent instanceof File)) throw new Error('no file was sent')
  expect(sent.name).toBe('call-recording.mp3')
  expect(sent.type).toBe('audio/mpeg')
  expect(Buffer.from(await sent.arrayBuffer()).equals(file)).toBe(true)
  expect(gate.plans).toEqual([
    { family: 'ai', model: 'bitrix/deepdml/faster-whisper-large-v3-turbo-ct2', fenced: true },
  ])
})

it('step 2: asks for the verdict as the seed does', async () => {
  const content = JSON.stringify({ quality: 'high', score: 88, reason })
  const seen = intercept('/v1/chat/completions', 200, {
    id: 'chatcmpl-acdb112cf9cdf9f9',
    object: 'chat.completion',
    model: 'bitrix/bitrixgpt-5.5',
    choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content } }],
    usage: { prompt_tokens: 92, completion_tokens: 36, total_tokens: 128 },
  })
  const schema = z.object({
    quality: z.enum(['high', 'medium', 'low']),
    score: z.number().int().min(0).max(100),
    reason: z.string().min(1),
  })
  const answer = await vibecode.chat.askJson({ system, user, schema })
  expect(answer).toEqual({
    value: { quality: 'high', score: 88, reason },
    usage: { promptTokens: 92, completionTokens: 36 },
    model: 'bitrix/bitrixgpt-5.5',
    requestId: 'req-1',
    asks: 1,
    cleaned: false,
  })
  expect(JSON.parse(seen.body)).toEqual({
    model: 'bitrix/bitrixgpt-5.5',
    messages: [
      { role: 'system', content: system },
      { role: 'user', content: user },
    ],
    response_format: { type: 'json_object' },
  })
  expect(seen.headers['content-type']).toBe('application/json')
  expect(seen.headers['x-api-key']).toBe(key)
  expect(gate.plans).toEqual([{ family: 'ai', model: 'bitrix/bitrixgpt-5.5', fenced: true }])
})

it('step 3: writes the entry as the seed does, and with the numeric type beside it', async () => {
  const title = 'AI classification: high (88/100)'
  const seen = intercept('/v1/timeline-logs', 201, {
    success: true,
    data: { id: 7001, title, text: reason, authorId: 1 },
  })
  const written = await vibecode.timeline.create({ entityTypeId: 2, entityId: 1234, title, text: reason })
  expect(written).toMatchObject({ id: 7001, requestId: 'req-1' })
  expect(JSON.parse(seen.body)).toEqual({ entityType: 'deal', entityTypeId: 2, entityId: 1234, title, text: reason })
  expect(seen.headers['content-type']).toBe('application/json')
  expect(seen.headers['x-api-key']).toBe(key)
  expect(seen.headers['connection']).toBe('close')
  expect(gate.plans).toEqual([{ family: 'crm', fenced: true }])
})

it('sends the key as Bearer when told', async () => {
  const bearer = createVibecode({ apiKey: key, auth: 'bearer', guard: gate.guard, log: pino({ level: 'silent' }) })
  const scope = nock(origin, { reqheaders: { authorization: `Bearer ${key}` }, badheaders: ['x-api-key'] })
    .get('/v1/me?refresh=tariff')
    .reply(200, {
      success: true,
      data: {
        type: 'personal',
        scopes: ['crm'],
        rateLimit: { requestsPerSecond: 10 },
        portal: { domain: 'a.bitrix24.ru' },
      },
    })
  expect(await bearer.me({ refresh: true })).toEqual({
    type: 'personal',
    scopes: ['crm'],
    requestsPerSecond: 10,
    portal: { domain: 'a.bitrix24.ru', memberId: null },
    expiresAt: null,
  })
  scope.done()
  await bearer.close()
})
