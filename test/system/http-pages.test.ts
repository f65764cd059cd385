import { afterEach, describe, expect, test } from 'vitest'
import { addBotLine, setLineRun } from '../../src/db/bot-messages.ts'
import { holdDialog, saveBot } from '../../src/db/bots.ts'
import { createRun } from '../../src/engine/create-run.ts'
import { assetRoot, assets } from '../../src/http/pages/assets.ts'
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

const everyPage = [
  '/calls',
  '/causes',
  '/review',
  '/overview',
  '/overview?window=7d',
  '/deliveries',
  '/batches',
  '/router',
  '/account',
]

describe('pages', () => {
  test('O03: every word of others is escaped, and no script but our own may run', async () => {
    const http = await start()
    await http.addPortal({
      id: 'other',
      name: '<i>Acme</i>',
      memberId: 'b'.repeat(32),
      robotSecret: 'robot-of-the-other',
    })
    await http.post(
      '/webhooks/bitrix24',
      callEnd({ CALL_ID: '<script>alert(1)</script>', PHONE_NUMBER: '<img src=x onerror=alert(1)>4567' }),
    )
    const visitor = await http.visit()
    for (const path of [...everyPage, '/calls?q=%3Cscript%3E&cause=%3Cb%3E']) {
      const page = await http.get(path, visitor)
      expect([path, page.status]).toEqual([path, 200])
      expect(page.headers['content-security-policy']).toMatch(
        /^default-src 'none'; script-src 'self'; style-src 'self';/,
      )
      expect(page.text).not.toMatch(/<script>|<img|<i>Acme|javascript:|<[^>]*\son\w+=|<[^>]*\sstyle=/)
    }
    const list = await http.get('/calls', visitor)
    expect(list.text).toContain('&lt;img src=x onerror=alert(1)&gt;4567')
    const id = /href="\/calls\/(\d+)"/.exec(list.text)?.[1] ?? ''
    const call = await http.get(`/calls/${id}`, visitor)
    expect(call.status).toBe(200)
    expect(call.text).toContain('&lt;script&gt;alert(1)&lt;/script&gt;')
    expect(call.text).not.toMatch(/<script>|<img|<[^>]*\son\w+=/)
  })

  test('O01: without a login they lead to the door, and programs are told 401', async () => {
    const http = await start()
    for (const path of [...everyPage, '/calls/1', '/calls/1/audio', '/calls.csv']) {
      const answer = await http.get(path)
      expect([path, answer.status]).toEqual([path, 303])
      expect(answer.headers['location']).toBe(`/login?${new URLSearchParams({ to: path }).toString()}`)
      expect(answer.text).not.toContain('Acme')
    }
    expect((await http.get('/api/v1/calls')).status).toBe(401)
    expect((await http.post('/calls/1/retry', '')).status).toBe(401)
    expect((await http.get('/calls', { cookie: `__Host-callsift=${'A'.repeat(43)}` })).status).toBe(303)
    const { token } = (await http.operate('token.create', { name: 'page', role: 'viewer' })).answer
    const basic = (password: string) => ({
      authorization: `Basic ${Buffer.from(`anybody:${password}`).toString('base64')}`,
    })
    expect((await http.get('/calls', basic(String(token)))).status).toBe(200)
    expect((await http.get('/calls', basic('wrong'))).status).toBe(401)
  })

  test('O02: an unsafe request of another site is refused, whatever it carries', async () => {
    const http = await start()
    await http.post('/webhooks/bitrix24', callEnd())
    const { cookie = '' } = await http.visit('operator')
    const cancel = (headers: Record<string, string>) => http.post('/calls/1/cancel', '', { cookie, ...headers })
    expect((await cancel({})).status).toBe(403)
    expect((await cancel({ 'sec-fetch-site': 'cross-site' })).status).toBe(403)
    expect((await cancel({ 'sec-fetch-site': 'same-site' })).status).toBe(403)
    expect((await cancel({ 'sec-fetch-site': 'none' })).status).toBe(403)
    expect((await cancel({ origin: 'https://evil.example' })).status).toBe(403)
    const json = { 'content-type': 'application/json', cookie, origin: 'https://evil.example' }
    expect((await http.post('/api/v1/calls/1/cancel', '{}', json)).status).toBe(403)
    expect((await http.get('/calls/1', { cookie })).text).toContain('class="state busy"')
    expect((await cancel({ origin: http.server.url })).status).toBe(303)
    expect((await http.get('/calls?status=cancelled', { cookie })).text).toContain('data-call="1"')
  })

  test('a viewer sees masked numbers and no buttons, and may not act', async () => {
    const http = await start()
    await http.post('/webhooks/bitrix24', callEnd())
    const viewer = await http.visit('viewer')
    const list = await http.get('/calls', viewer)
    expect(list.text).toContain('***4567')
    expect(list.text).not.toContain('4951234567')
    expect((await http.get('/calls?q=4567', viewer)).text).not.toContain('data-call="1"')
    expect((await http.get('/calls?q=%2B74951234567', viewer)).text).toContain('data-call="1"')
    const call = await http.get('/calls/1', viewer)
    expect(call.text).not.toContain('4951234567')
    expect(call.text).not.toContain('<form method="post"')
    expect((await http.post('/calls/1/cancel', '', viewer)).status).toBe(403)
    expect((await http.get('/api/v1/calls', viewer)).text).not.toContain('4951234567')
    const operator = await http.visit('operator')
    expect((await http.get('/calls?q=4567', operator)).text).toContain('+74951234567')
  })

  test('O04: CSV has no formulas', async () => {
    const http = await start()
    for (const [index, id] of ['=cmd|calc', '+1+1', '-2', '@SUM(A1)', '\t=1', 'plain, "quoted"'].entries())
      await http.post('/webhooks/bitrix24', callEnd({ CALL_ID: id, CRM_ACTIVITY_ID: String(100 + index) }))
    const csv = await http.get('/calls.csv', await http.visit())
    expect(csv.headers['content-type']).toMatch(/^text\/csv/)
    expect(csv.headers['content-disposition']).toContain('attachment')
    for (const cell of ["'=cmd|calc", "'+1+1", "'-2", "'@SUM(A1)", "'+74951234567", 'plain, ""quoted""'])
      expect(csv.text).toContain(cell)
    for (const cell of csv.text.split(/[,\r\n]+/)) expect(cell).not.toMatch(/^"?\s*[=+\-@]/)
  })

  test('O07: ids that are none are 404, also very long ones', async () => {
    const http = await start()
    const visitor = await http.visit()
    for (const id of ['..%2F..%2Fetc%2Fpasswd', 'nobody', '0', '-1', 'a'.repeat(250), '9'.repeat(30), '%00'])
      for (const path of [`/calls/${id}`, `/calls/${id}/audio`, `/api/v1/calls/${id}`])
        expect([path, (await http.get(path, visitor)).status]).toEqual([path, expect.toBeOneOf([400, 404])])
    expect((await http.get(`/calls/${'a'.repeat(10_000)}`, visitor)).status).toBe(404)
  })

  test('speak Russian to who asks for it first or chose it, in the theme they chose, and shout SANDBOX in a sandbox', async () => {
    const http = await start({ CALLSIFT_MODE: 'demo' })
    const visitor = await http.visit()
    const russian = await http.get('/causes', { ...visitor, 'accept-language': 'ru-RU,ru;q=0.9,en;q=0.8' })
    expect(russian.text).toContain('<html lang="ru" data-theme="auto">')
    expect(russian.text).toContain('Почему звонки стоят')
    expect(russian.text).toContain('SANDBOX')
    const set = await http.get('/set?theme=dark&lang=en&back=%2Fcauses', visitor)
    expect([set.status, set.headers['location']]).toEqual([303, '/causes'])
    expect(set.headers['set-cookie']).toEqual([
      expect.stringMatching(/^callsift-theme=dark/),
      expect.stringMatching(/^callsift-lang=en/),
    ])
    expect((await http.get('/set?back=%2F%2Fevil.example', visitor)).headers['location']).toBe('/calls')
    const cookie = `${visitor['cookie']}; callsift-theme=dark; callsift-lang=en`
    const chosen = await http.get('/causes', { ...visitor, cookie, 'accept-language': 'ru' })
    expect(chosen.text).toContain('<html lang="en" data-theme="dark">')
    expect(chosen.headers['x-callsift-mode']).toBe('SANDBOX')
  })

  test('load style sheet and scripts from here alone, kept for ever, below 40 KiB without the player', async () => {
    const { gzipSync } = await import('node:zlib')
    const http = await start()
    const page = await http.get('/calls', await http.visit())
    const loaded = [...page.text.matchAll(/(?:src|href)="([^"#]+)"/g)].map((match) => match[1] ?? '')
    expect(loaded.filter((address) => /^(https?:)?\/\//.test(address))).toEqual([])
    const style = await http.get(`${assetRoot}/app.css`)
    expect([style.status, style.headers['cache-control']]).toEqual([200, 'public, max-age=31536000, immutable'])
    const script = assets.filter((asset) => asset.name === 'app.js').map((asset) => gzipSync(asset.bytes).length)
    expect(script.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(40 * 1024)
    expect(gzipSync(page.text).length).toBeLessThan(40 * 1024)
  })
})

describe('the door', () => {
  test('a one-time link lets in once; then a password does, and a new one ends other sessions', async () => {
    const http = await start()
    const { loginPath } = (await http.operate('user.save', { name: 'Анна', role: 'operator' })).answer
    const from = { 'sec-fetch-site': 'same-origin' }
    expect((await http.get(String(loginPath))).text).toContain('method="post"')
    expect((await http.post(String(loginPath), '', {})).status).toBe(403)
    const first = await http.post(String(loginPath), '', from)
    expect([first.status, first.headers['location']]).toEqual([303, '/account'])
    const set = String(first.headers['set-cookie'])
    expect(set).toMatch(/^__Host-callsift=[\w-]{43}; Path=\/; Secure; HttpOnly; SameSite=Lax; Max-Age=\d+$/)
    expect((await http.post(String(loginPath), '', from)).status).toBe(410)

    const visitor = { ...from, cookie: set.split(';')[0] ?? '' }
    expect((await http.post('/account', 'password=short', visitor)).status).toBe(400)
    const secret = 'длинный пароль 1'
    const form = (fields: Record<string, string>) => new URLSearchParams(fields).toString()
    expect((await http.post('/account', form({ password: secret }), visitor)).status).toBe(303)
    expect((await http.post('/account', form({ password: 'another one here', old: 'wrong' }), visitor)).status).toBe(
      400,
    )
    const wrong = await http.post('/login', form({ name: 'Анна', password: 'wrong' }), from)
    expect(wrong.status).toBe(401)
    const again = await http.post('/login', form({ name: 'анна', password: secret, to: '/review' }), from)
    expect([again.status, again.headers['location']]).toEqual([303, '/review'])
    const rows = await http.app.db.selectFrom('callsift.users').select('password').execute()
    expect(rows.map((row) => row.password?.startsWith('scrypt$'))).toEqual([true])

    const second = { ...from, cookie: String(again.headers['set-cookie']).split(';')[0] ?? '' }
    const turned = form({ password: 'a quite different one', old: secret })
    expect((await http.post('/account', turned, second)).status).toBe(303)
    expect((await http.get('/calls', visitor)).status).toBe(303)
    expect((await http.get('/calls', second)).status).toBe(200)
    expect((await http.post('/logout', '', second)).status).toBe(303)
    expect((await http.get('/calls', second)).headers['location']).toMatch(/^\/login/)
    const audit = await http.app.db.selectFrom('callsift.audit').select(['action', 'subject']).execute()
    expect(audit.filter((entry) => entry.action === 'login').length).toBe(3)
    expect(JSON.stringify(audit)).not.toContain(secret)
  })

  test('wrong passwords are slowed down: five a minute for an address and for a name', async () => {
    const http = await start()
    const from = { 'sec-fetch-site': 'same-origin' }
    const statuses: number[] = []
    for (let n = 0; n < 7; n += 1) statuses.push((await http.post('/login', 'name=admin&password=guess', from)).status)
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429])
    const last = await http.post('/login', 'name=other&password=guess', from)
    expect([last.status, Number(last.headers['retry-after']) > 0]).toEqual([429, true])
  })

  test('the last administrator stays, and whoever is removed is out at once', async () => {
    const http = await start()
    const admin = await http.visit('admin')
    const viewer = await http.visit('viewer')
    const { users } = (await http.operate('user.list')).answer as { users: { id: string; role: string }[] }
    const idOf = (role: string) => users.find((user) => user.role === role)?.id
    expect((await http.operate('user.remove', { id: idOf('admin') })).status).toBe(409)
    expect((await http.operate('user.save', { name: 'admin-of-the-test', role: 'viewer' })).status).toBe(409)
    expect((await http.operate('user.remove', { id: idOf('viewer') })).status).toBe(200)
    expect((await http.get('/calls', viewer)).status).toBe(303)
    expect((await http.get('/calls', admin)).status).toBe(200)
    expect((await http.operate('user.remove', { id: '999' })).status).toBe(404)
  })
})

test('readiness tells what is missing', async () => {
  const http = await start()
  const before = await http.get('/readyz')
  expect([before.status, JSON.parse(before.text)]).toEqual([
    503,
    { ready: false, record: true, queue: true, safe: true, workers: 0, stuck: false },
  ])
  await http.app.start()
  await http.app.engine.work({ concurrency: () => 1 })
  const after = await http.get('/readyz')
  expect([after.status, JSON.parse(after.text)]).toEqual([
    200,
    { ready: true, record: true, queue: true, safe: true, workers: 1, stuck: false },
  ])
})

test('workflows, bots and schedules stand on the Batches page, in the reader\u2019s language and without markup of others', async () => {
  const http = await start()
  const { db, registry } = http.app
  await saveBot(db, { portalId: 'acme', botId: 71, code: 'x', name: '<b>Helper</b>', type: 'personal', settings: {} })
  await holdDialog(db, 'acme', 71, 'chat<5>')
  await db.transaction().execute(async (trx) => {
    const input = { botId: 71, lineId: '1', messageId: 5, dialogId: '12' }
    const line = { portalId: 'acme', botId: 71, dialogId: '12', messageId: 5, userId: 3, entity: null, body: 'hi' }
    const lineId = await addBotLine(trx, { ...line, author: 'user', colleague: true })
    const { runId } = await createRun(trx, registry, { workflow: 'answerMessage', key: '1', portalId: 'acme', input })
    await setLineRun(trx, lineId ?? '', runId)
  })
  await http.operate('batch.start', { workflow: 'report', portalId: 'acme', input: { dryRun: true } })
  await http.operate('schedule.add', { name: 'weekly', workflow: 'report', portalId: 'acme', cron: '0 8 * * 1' })
  const visitor = await http.visit('viewer')
  const [english, russian] = [
    (await http.get('/batches', visitor)).text,
    (await http.get('/batches', { ...visitor, 'accept-language': 'ru' })).text,
  ]
  for (const text of [
    'Sales report',
    '&lt;b&gt;Helper&lt;/b&gt;',
    '1 under way',
    'chat&lt;5&gt;',
    'weekly',
    '0 8 * * 1',
  ])
    expect(english).toContain(text)
  for (const text of ['Отчёт по продажам', 'Чат-боты', '1 в работе', 'У человека']) expect(russian).toContain(text)
  expect(english + russian).not.toContain('<b>Helper')
})
