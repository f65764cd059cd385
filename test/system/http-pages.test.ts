import { afterEach, describe, expect, test } from 'vitest'
import { callEnd, type HttpApp, startHttpApp } from '../support/http-app.ts'
import { createClosers } from '../support/stores.ts'

const closers = createClosers()
afterEach(() => closers.closeAll())

async function start(environment: Record<string, string> = {}): Promise<HttpApp> {
  const http = await startHttpApp({ environment })
  closers.add(() => http.close())
  await http.addPortal({ name: '<b>Acme</b> & "sons"' })
  return http
}

describe('pages', () => {
  test('show counts, causes and the last calls, with every word of others escaped and no script allowed', async () => {
    const http = await start()
    await http.post(
      '/webhooks/bitrix24',
      callEnd({ CALL_ID: '<script>alert(1)</script>', PHONE_NUMBER: '<img src=x>4567' }),
    )
    const page = await http.get('/')
    expect(page.status).toBe(200)
    expect(page.headers['content-security-policy']).toMatch(/^default-src 'none'/)
    expect(page.text).toContain('&lt;b&gt;Acme&lt;/b&gt; &amp; &quot;sons&quot;')
    expect(page.text).toContain('No worker is alive')
    expect(page.text).not.toMatch(/<script|<img|<b>Acme/)
    expect(page.text).not.toContain('SANDBOX')
    const id = /href="\/calls\/(\d+)"/.exec(page.text)?.[1] ?? ''
    const call = await http.get(`/calls/${id}`)
    expect(call.status).toBe(200)
    expect(call.text).toContain('locateRecording')
    expect(call.text).toContain('&lt;script&gt;alert(1)&lt;/script&gt;')
    expect(call.text).not.toMatch(/<script|<img/)
    expect((await http.get('/calls/nobody')).status).toBe(404)
  })

  test('speak Russian to who asks for it first, and shout SANDBOX in a sandbox', async () => {
    const http = await start({ CALLSIFT_MODE: 'demo' })
    const russian = await http.get('/', { 'accept-language': 'ru-RU,ru;q=0.9,en;q=0.8' })
    expect(russian.text).toContain('<html lang="ru">')
    expect(russian.text).toContain('Что ждёт и почему')
    expect(russian.text).toContain('SANDBOX')
    const english = await http.get('/', { 'accept-language': 'en-GB,en;q=0.9,ru;q=0.8' })
    expect(english.text).toContain('What waits, and why')
    expect(english.headers['x-callsift-mode']).toBe('SANDBOX')
  })

  test('are closed to another host name (DNS rebinding), and open to a token by Basic', async () => {
    const http = await start()
    for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', 'xn--localhost']) {
      const answer = await http.get('/', { host })
      expect(answer.status).toBe(401)
      expect(answer.headers['www-authenticate']).toMatch(/^Basic/)
      expect(answer.text).not.toContain('Acme')
    }
    for (const host of ['localhost:8787', '127.0.0.1', '[::1]:80', 'LOCALHOST'])
      expect((await http.get('/', { host })).status).toBe(200)
    const { token } = (await http.operate('token.create', { name: 'page' })).answer
    const basic = (password: string) => ({
      host: 'callsift.example',
      authorization: `Basic ${Buffer.from(`anybody:${password}`).toString('base64')}`,
    })
    expect((await http.get('/', basic(String(token)))).status).toBe(200)
    expect((await http.get('/', basic('wrong'))).status).toBe(401)
  })
})

test('readiness tells what is missing', async () => {
  const http = await start()
  const before = await http.get('/readyz')
  expect([before.status, JSON.parse(before.text)]).toEqual([
    503,
    { ready: false, record: true, queue: true, workers: 0, stuck: false },
  ])
  await http.app.start()
  await http.app.engine.work({ concurrency: () => 1 })
  const after = await http.get('/readyz')
  expect([after.status, JSON.parse(after.text)]).toEqual([
    200,
    { ready: true, record: true, queue: true, workers: 1, stuck: false },
  ])
})
