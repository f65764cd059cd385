import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { z } from 'zod'
import { whisperModel } from '../../src/router/settings.ts'
import {
  ChatChunk,
  ChatCompletion,
  ErrorAnswer,
  Model,
  ModelList,
  Transcription,
  VerboseTranscription,
} from '../support/openai-schema.ts'
import { type RouterBench, startRouterBench } from '../support/router-bench.ts'

let bench: RouterBench
beforeAll(async () => {
  bench = await startRouterBench()
})
afterAll(async () => bench.close())
beforeEach(() => {
  bench.provider.play = undefined
})

const messages = [{ role: 'user', content: 'What is CRM?' }]
const chat = (more: Record<string, unknown> = {}) =>
  bench.send('POST', '/v1/chat/completions', { model: 'bitrix/bitrixgpt-5.5', messages, ...more })
/** The mistakes, to be read; none = it satisfies the schema. */
const mistakes = (schema: z.ZodType, value: unknown) =>
  schema.safeParse(value).error?.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`) ?? []

const toolCall = { id: 'call_1', type: 'function', function: { name: 'find', arguments: '{}' } }

test.each([
  ['a provider that tells all', undefined],
  // What Ollama, llama.cpp and older servers leave out.
  ['one that leaves out what it may', { choices: [{ message: { content: 'CRM' } }] }],
  [
    'one with tool calls and no text',
    { choices: [{ finish_reason: 'tool_calls', message: { tool_calls: [toolCall] } }] },
  ],
])("a completion of %s satisfies OpenAI's schema", async (_name, answer) => {
  if (answer !== undefined) {
    bench.provider.play = (_request, response) => {
      response.setHeader('content-type', 'application/json').end(JSON.stringify(answer))
    }
  }
  const { status, body } = await chat()
  expect([status, mistakes(ChatCompletion, body)]).toEqual([200, []])
  expect(body).toMatchObject({ choices: [{ logprobs: null, message: { refusal: null } }] })
})

test.each([false, true])('each chunk of a stream does, with the usage asked for: %s', async (include) => {
  const { body } = await chat({ stream: true, ...(include ? { stream_options: { include_usage: true } } : {}) })
  const frames = String(body)
    .split('\n\n')
    .filter((frame) => frame.startsWith('data: {'))
    .map((frame) => JSON.parse(frame.slice(6)) as { usage?: unknown })
  expect(frames.length).toBeGreaterThan(4)
  expect(frames.flatMap((frame) => mistakes(ChatChunk, frame))).toEqual([])
  expect(frames.at(-1)?.usage).toEqual(include ? expect.objectContaining({ total_tokens: 30 }) : null)
  expect(String(body)).toMatch(/data: \[DONE\]\n\n$/)
})

test('models do, as a list and one by one', async () => {
  const { body } = await bench.send('GET', '/v1/models')
  expect(mistakes(ModelList, body)).toEqual([])
  for (const { id } of ModelList.parse(body).data) {
    expect(mistakes(Model, (await bench.send('GET', `/v1/models/${id}`)).body)).toEqual([])
  }
})

test.each([
  ['json', Transcription],
  ['verbose_json', VerboseTranscription],
] as const)('a transcription as %s does, whole segments included', async (format, schema) => {
  const form = new FormData()
  form.append('file', new Blob(['RIFF the bytes of a recording']), 'call.mp3')
  form.append('model', whisperModel)
  form.append('response_format', format)
  const answer = await fetch(`${bench.router.url}/v1/audio/transcriptions`, {
    method: 'POST',
    headers: { 'x-api-key': bench.key },
    body: form,
  })
  expect(mistakes(schema, await answer.json())).toEqual([])
})

test('refusals do, whatever is wrong, and in the middle of a stream too', async () => {
  const wrong = [
    await chat({ temperature: 9 }),
    await chat({ model: 'no/such' }),
    await bench.send('GET', '/v1/models/no/such'),
    await bench.send('POST', '/v1/chat/completions', '{'),
    await bench.send('POST', '/v1/chat/completions', {}, {}),
    await bench.send('GET', '/v1/nothing'),
    await bench.send('POST', '/v1/audio/transcriptions', {}),
  ]
  expect(wrong.flatMap(({ body }) => mistakes(ErrorAnswer, body))).toEqual([])
  expect(wrong.map(({ status }) => status)).toEqual([400, 404, 404, 400, 401, 404, 400])
  bench.provider.play = (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {"choices":[]}\n\n')
    setTimeout(() => response.destroy(), 20)
  }
  const last = String((await chat({ stream: true })).body)
    .trim()
    .split('\n\n')
    .at(-1)
  expect(mistakes(ErrorAnswer, JSON.parse(String(last).slice(6)))).toEqual([])
})
