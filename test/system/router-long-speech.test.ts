import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { listRouterUsage } from '../../src/db/router-usage.ts'
import { whisperModel } from '../../src/router/settings.ts'
import { eventually } from '../support/engine-bench.ts'
import { type RouterBench, settingsFor, startRouterBench } from '../support/router-bench.ts'
import { type ToneCall, writeToneCall } from '../support/tone-calls.ts'
import { hearForm } from '../support/tone-provider.ts'

let bench: RouterBench
let folder: string
let call: ToneCall
let sound: Buffer
let underWay = 0
let most = 0

// Cut above 24 s into parts of 20 s at most, so that a minute and a half is what two hours are.
const cut = { wholeMinutes: 0.4, partMinutes: 1 / 3, atOnce: 2 }

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'callsift-long-speech-'))
  call = await writeToneCall({ path: join(folder, 'call.wav'), seconds: 90 })
  sound = await readFile(call.path)
  bench = await startRouterBench({
    settings: (url) => {
      const usual = settingsFor(url)
      const models = usual['models'] as { kind?: string }[]
      const priced = models.map((model) => (model.kind === 'transcription' ? { ...model, minute: '0.6' } : model))
      return { ...usual, models: priced, cut }
    },
  })
})
afterAll(async () => {
  await bench.close()
  await rm(folder, { recursive: true, force: true })
})
beforeEach(() => {
  bench.provider.seen.length = 0
  underWay = 0
  most = 0
  bench.provider.play = async (request, response) => {
    underWay += 1
    most = Math.max(most, underWay)
    await new Promise((resolve) => setTimeout(resolve, 30))
    underWay -= 1
    response.setHeader('content-type', 'application/json').end(JSON.stringify(hearForm(request)))
  }
})

async function send(format: string, key = bench.key, file: Buffer = sound) {
  const form = new FormData()
  form.append('file', new Blob([Uint8Array.from(file)]), 'call.wav')
  form.append('response_format', format)
  form.append('language', 'en')
  form.append('timestamp_granularities[]', 'word')
  const answer = await fetch(`${bench.router.url}/v1/audio/transcriptions`, {
    method: 'POST',
    headers: { 'x-api-key': key },
    body: form,
  })
  return { status: answer.status, type: answer.headers.get('content-type'), text: await answer.text() }
}

const usageOf = async (keyId: string) => {
  await bench.router.flush()
  return await listRouterUsage(bench.record.db, { since: '2020-01-01', keyId })
}

describe('a long recording in one request', () => {
  test('is heard in parts, two at a time, and comes back as one: every word once, in its place', async () => {
    const { id, key } = await bench.makeKey()
    const answer = await send('verbose_json', key)
    expect([answer.status, answer.type]).toEqual([200, 'application/json; charset=utf-8'])
    const heard = JSON.parse(answer.text) as {
      text: string
      duration: number
      language: string
      segments: { id: number; start: number; end: number; text: string }[]
      words: { word: string; start: number }[]
      usage: unknown
    }
    expect(heard.text.split(' ')).toEqual(call.words.map(({ text }) => text))
    expect(heard.segments.flatMap(({ text }) => text.trim().split(' '))).toEqual(call.words.map(({ text }) => text))
    expect(heard.segments.map((segment) => segment.id)).toEqual(heard.segments.map((_, index) => index))
    expect(heard.words.map(({ word }) => word)).toEqual(call.words.map(({ text }) => text))
    const off = heard.words.map((word, index) => Math.abs(word.start - (call.words[index]?.start ?? 0)))
    expect(Math.max(...off)).toBeLessThan(0.1)
    expect([heard.duration, heard.language, heard.usage]).toEqual([90, 'english', { type: 'duration', seconds: 90 }])
    expect(bench.provider.seen.length).toBeGreaterThanOrEqual(5)
    expect(most).toBe(2)
    const sent = bench.provider.seen.map(({ body }) => String(body.subarray(-2_000)))
    expect(sent.filter((text) => text.includes('name="language"'))).toHaveLength(sent.length)
    // One request of ninety seconds, or a little more where two parts hold the same sound: at 0.6 a minute.
    const [row, ...others] = await usageOf(id)
    expect(others).toEqual([])
    expect(row).toMatchObject({ requests: 1, model: whisperModel })
    expect(row?.audioMs).toBeGreaterThanOrEqual(89_900)
    expect(row?.costMicros).toBe(Math.ceil(((row?.audioMs ?? 0) * 600_000) / 60_000))
    await eventually(async () => (await readdir(bench.tempRoot)).length === 0)
  })

  test('in the format that was asked for', async () => {
    const lines = (text: string) => text.split('\n').filter((line) => line.includes(' --> '))
    const [json, text, srt, vtt] = await Promise.all(['json', 'text', 'srt', 'vtt'].map((format) => send(format)))
    const words = call.words.map((word) => word.text).join(' ')
    expect(JSON.parse(json?.text ?? '')).toEqual({ text: words, usage: { type: 'duration', seconds: 90 } })
    expect(text?.text).toBe(`${words}\n`)
    expect(srt?.text).toMatch(/^1\n00:00:00,\d{3} --> 00:00:\d\d,\d{3}\n\w+/)
    expect(vtt?.text).toMatch(/^WEBVTT\n\n00:00:00\.\d{3} --> /)
    // The last cue is near the end of the recording, and not of a part.
    expect(lines(srt?.text ?? '').at(-1)).toMatch(/^00:01:[12]\d/)
    expect(lines(vtt?.text ?? '').length).toBe(lines(srt?.text ?? '').length)
  })

  test('one part that fails ends the request; what was heard is counted, the rest is not asked for', async () => {
    const { id, key } = await bench.makeKey()
    const usual = bench.provider.play
    bench.provider.play = async (request, response) => {
      if (bench.provider.seen.indexOf(request) === 2) response.writeHead(413).end('{}')
      else await usual?.(request, response)
    }
    const answer = await send('json', key)
    expect([answer.status, answer.text]).toEqual([502, expect.stringContaining('ai_provider_unavailable')])
    expect(bench.provider.seen.length).toBeLessThanOrEqual(4)
    const [row] = await usageOf(id)
    expect(row?.audioMs).toBeGreaterThan(15_000)
    expect(row?.audioMs).toBeLessThan(70_000)
    await eventually(async () => (await readdir(bench.tempRoot)).length === 0)
  })

  test('a budget that does not reach for all of it is said before anything is sent', async () => {
    const { key } = await bench.makeKey({ budgetMicros: 500_000 })
    expect([(await send('json', key)).status, bench.provider.seen.length]).toEqual([402, 0])
  })

  test('a short one, and one that nobody here can read, go as they came', async () => {
    bench.provider.play = undefined
    expect((await send('json', bench.key, sound.subarray(0, 100_000))).status).toBe(200)
    expect((await send('json', bench.key, Buffer.alloc(200_000, 'no sound at all '))).status).toBe(200)
    expect(bench.provider.seen).toHaveLength(2)
    expect(bench.provider.seen[1]?.body.length).toBeGreaterThan(200_000)
  })
})
