import { createReadStream } from 'node:fs'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { expect, test } from 'vitest'
import { eventually } from '../support/engine-bench.ts'
import { settingsFor, startRouterBench } from '../support/router-bench.ts'
import { writeToneCall } from '../support/tone-calls.ts'
import { hearForm } from '../support/tone-provider.ts'

test('one request carries two hours: parts as the provider takes them, every word once', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'callsift-two-hours-'))
  const call = await writeToneCall({ path: join(folder, 'call.wav'), seconds: 7_200 })
  const bench = await startRouterBench({ settings: (url) => ({ ...settingsFor(url), cut: {} }) })
  bench.provider.play = (one, response) => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify(hearForm(one)))
  }
  try {
    const head = '--b\r\nContent-Disposition: form-data; name="file"; filename="call.wav"\r\n\r\n'
    const end = '\r\n--b--\r\n'
    const sent = request(`${bench.router.url}/v1/audio/transcriptions`, {
      method: 'POST',
      headers: {
        'x-api-key': bench.key,
        'content-type': 'multipart/form-data; boundary=b',
        'content-length': head.length + (await stat(call.path)).size + end.length,
      },
    })
    const answered = new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
      sent.on('error', reject).on('response', async (response) => {
        let text = ''
        for await (const piece of response.setEncoding('utf8')) text += String(piece)
        resolve({ status: response.statusCode, text })
      })
    })
    sent.write(head)
    await pipeline(createReadStream(call.path), sent, { end: false })
    sent.end(end)
    const { status, text } = await answered
    expect(status).toBe(200)
    const { text: said, usage } = JSON.parse(text) as { text: string; usage: unknown }
    expect(said.split(' ')).toEqual(call.words.map((word) => word.text))
    expect(usage).toEqual({ type: 'duration', seconds: 7_200 })
    const sizes = bench.provider.seen.map(({ body }) => body.length)
    expect(sizes.length).toBeGreaterThanOrEqual(5)
    expect(Math.max(...sizes)).toBeLessThan(24_100_000)
    await eventually(async () => (await readdir(bench.tempRoot)).length === 0)
  } finally {
    await bench.close()
    await rm(folder, { recursive: true, force: true })
  }
}, 300_000)
