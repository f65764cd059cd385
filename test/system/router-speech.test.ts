import { readdir } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import OpenAI, { toFile } from 'openai'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { listRouterUsage } from '../../src/db/router-usage.ts'
import { whisperModel } from '../../src/router/settings.ts'
import { eventually } from '../support/engine-bench.ts'
import { heard } from '../support/mock-provider.ts'
import { type RouterBench, startRouterBench } from '../support/router-bench.ts'

let bench: RouterBench
beforeAll(async () => {
  bench = await startRouterBench({ maxAudioBytes: 8 * 1024 * 1024, windows: { speechMs: 1_000 } })
})
afterAll(async () => bench.close())
beforeEach(() => {
  bench.provider.play = undefined
  bench.provider.seen.length = 0
})

const path = '/v1/audio/transcriptions'
const sound = Buffer.from('RIFF the bytes of a recording')

async function post(form: FormData, at = path) {
  const answer = await fetch(`${bench.router.url}${at}`, {
    method: 'POST',
    headers: { 'x-api-key': bench.key },
    body: form,
  })
  const text = await answer.text()
  const type = answer.headers.get('content-type') ?? ''
  return { status: answer.status, headers: answer.headers, type, text }
}

function formOf(fields: Record<string, string>, file: Blob | null = new Blob([sound]), name = 'call.mp3'): FormData {
  const form = new FormData()
  if (file !== null) form.append('file', file, name)
  for (const [key, value] of Object.entries(fields)) form.append(key, value)
  return form
}

const codeOf = (answer: { status: number; text: string }) =>
  `${answer.status} ${(JSON.parse(answer.text) as { error: { code: string } }).error.code}`

/** A body as it stands, for what no client would write. */
async function postRaw(body: string, contentType = 'multipart/form-data; boundary=b', announced?: number) {
  const headers = { 'x-api-key': bench.key, 'content-type': contentType }
  return await new Promise<{ status: number; text: string }>((resolve, reject) => {
    const sent = httpRequest(`${bench.router.url}${path}`, {
      method: 'POST',
      headers: { ...headers, ...(announced === undefined ? {} : { 'content-length': announced }) },
    })
    sent.on('error', reject)
    sent.on('response', (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (piece: string) => {
        text += piece
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
    })
    sent.end(body)
  })
}

const part = (head: string, body = 'x') => `--b\r\nContent-Disposition: form-data; ${head}\r\n\r\n${body}\r\n`

describe('a transcription', () => {
  test("the page's sample: a file, a language, json; the model may be left out", async () => {
    const answer = await post(formOf({ language: 'ru', response_format: 'json' }))
    expect([answer.status, answer.type]).toEqual([200, 'application/json; charset=utf-8'])
    expect(JSON.parse(answer.text)).toEqual({ text: heard.text, usage: { type: 'duration', seconds: 7 } })
    const [seen] = bench.provider.seen
    const sent = String(seen?.body)
    expect(sent).toContain('whisper-large-v3-turbo')
    expect(sent).toContain('verbose_json')
    expect(sent).toContain(String(sound))
    expect(Number(seen?.headers['content-length'])).toBe(seen?.body.length)
    await eventually(async () => (await readdir(bench.tempRoot)).length === 0)
  })

  test('five formats by the openai library, made here', async () => {
    const client = new OpenAI({ baseURL: `${bench.router.url}/v1`, apiKey: bench.key, maxRetries: 0 })
    const ask = async (format: 'json' | 'text' | 'srt' | 'verbose_json' | 'vtt') =>
      (await client.audio.transcriptions.create({
        file: await toFile(sound, 'call.mp3'),
        model: whisperModel,
        response_format: format,
        timestamp_granularities: ['segment'],
      })) as unknown
    expect(await ask('json')).toMatchObject({ text: heard.text })
    expect(await ask('text')).toBe(`${heard.text}\n`)
    expect(await ask('srt')).toBe(
      '1\n00:00:00,000 --> 00:00:02,250\nЗдравствуйте.\n\n2\n00:00:02,250 --> 00:00:06,500\nНам нужна CRM.\n',
    )
    expect(await ask('vtt')).toBe(
      'WEBVTT\n\n00:00:00.000 --> 00:00:02.250\nЗдравствуйте.\n\n00:00:02.250 --> 00:00:06.500\nНам нужна CRM.\n',
    )
    expect(await ask('verbose_json')).toMatchObject({
      task: 'transcribe',
      language: 'russian',
      duration: 6.5,
      segments: [{ id: 0, seek: 0, tokens: [], start: 0, end: 2.25 }, { id: 1 }],
    })
    expect((await post(formOf({ response_format: 'srt' }))).type).toBe('text/plain; charset=utf-8')
  })

  test('a provider that knows only json is asked for that, and remembered', async () => {
    bench.provider.play = (request, response) => {
      response.setHeader('content-type', 'application/json')
      if (String(request.body).includes('verbose_json')) response.writeHead(400).end('{"error":"no"}')
      else response.end(JSON.stringify({ text: 'Только текст.' }))
    }
    const fields = { response_format: 'vtt', model: whisperModel }
    expect((await post(formOf(fields))).text).toContain('Только текст.')
    expect(bench.provider.seen).toHaveLength(2)
    await post(formOf(fields))
    expect(bench.provider.seen).toHaveLength(3)
  })

  test('one that does not answer within its window is 504, and not repeated', async () => {
    bench.provider.play = async (request) => await request.closed
    const answer = await post(formOf({}))
    expect(codeOf(answer)).toBe('504 ai_provider_timeout')
    expect(answer.headers.get('x-should-retry')).toBe('false')
    expect(bench.provider.seen).toHaveLength(1)
  })

  test('its seconds are counted', async () => {
    await bench.router.flush()
    const rows = await listRouterUsage(bench.record.db, { since: '2020-01-01' })
    const [row] = rows.filter((one) => one.model === whisperModel)
    expect(row?.requests).toBeGreaterThan(0)
    expect(row?.audioMs).toBeGreaterThanOrEqual(6_500)
  })
})

describe('G12 forms that are wrong', () => {
  const file = 'name="file"; filename="a.mp3"'
  test.each([
    ['no file', () => post(formOf({ language: 'ru' }, null)), '400 no_file'],
    ['no form at all', () => postRaw('{}', 'application/json'), '400 no_file'],
    ['0 bytes', () => post(formOf({}, new Blob([]))), '400 empty_file'],
    ['a field that is no file', () => post(formOf({ file: 'call.mp3' }, null)), '400 empty_file'],
    ['two files', () => postRaw(`${part(file)}${part(file)}--b--\r\n`), '400 invalid_request'],
    ['200 MB announced', () => postRaw('', undefined, 200_000_000), '413 invalid_request'],
    ['9 MB', () => post(formOf({}, new Blob([Buffer.alloc(9_000_000)]))), '413 invalid_request'],
    ['no boundary', () => postRaw('x', 'multipart/form-data'), '400 invalid_request'],
    [
      '500 parts',
      () => postRaw(`${Array.from({ length: 500 }, (_, n) => part(`name="f${n}"`)).join('')}--b--\r\n`),
      '400 invalid_request',
    ],
    ['an end that is missing', () => postRaw(part(file, 'x'.repeat(50)).slice(0, -9)), '400 invalid_request'],
    ['a zero byte in a name', () => postRaw(`${part('name="fi\0le"; filename="a"')}--b--\r\n`), '400 invalid_request'],
    ['a broken filename*', () => postRaw(`${part(`name="file"; filename*=UTF-8''%E0%A4%A`)}--b--\r\n`), '400 no_file'],
  ])('%s', async (_name, send, expected) => {
    expect(codeOf(await send())).toBe(expected)
    expect(bench.provider.seen).toHaveLength(0)
    await eventually(async () => (await readdir(bench.tempRoot)).length === 0)
  })
})

test.each(['xx', 'ru-RU', '', 'r'.repeat(1_000)])('G13 a language that is none: %j', async (language) => {
  expect(codeOf(await post(formOf({ language })))).toBe('400 invalid_language')
})
