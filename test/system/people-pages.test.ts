import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { callEnd, type HttpApp, startHttpApp } from '../support/http-app.ts'

// Users and tokens as an administrator sees them: forms, and what may be seen only once.
describe('the page of users', () => {
  let http: HttpApp
  let admin: Record<string, string> = {}
  const post = async (path: string, fields: Record<string, string> = {}, visitor = admin) =>
    await http.post(path, new URLSearchParams(fields).toString(), visitor)
  const page = async () => (await http.get('/users', admin)).text
  const users = async () =>
    (await http.operate('user.list')).answer['users'] as {
      id: string
      name: string
      role: string
      hasPassword: boolean
      disabledAt: string | null
    }[]
  const idOf = async (name: string) => (await users()).find((one) => one.name === name)?.id ?? ''
  const linkIn = (text: string) => /(https?:\/\/[^<]*)(\/login\/[\w-]{43})/.exec(text)?.[2] ?? ''
  const enter = async (link: string) => {
    const answer = await http.post(link, '', { 'sec-fetch-site': 'same-origin' })
    return { status: answer.status, cookie: String(answer.headers['set-cookie']).split(';')[0] ?? '' }
  }

  beforeAll(async () => {
    http = await startHttpApp()
    await http.addPortal()
    await http.post('/webhooks/bitrix24', callEnd())
    admin = await http.visit('admin')
  })
  afterAll(async () => await http.close())

  test('is for administrators: others are refused, also what its buttons do', async () => {
    for (const role of ['viewer', 'operator'] as const) {
      const visitor = await http.visit(role)
      expect((await http.get('/users', visitor)).status).toBe(403)
      expect((await http.get('/calls', visitor)).text).not.toContain('href="/users"')
      for (const path of [
        '/users',
        '/users/1/role',
        '/users/1/link',
        '/users/1/disable',
        '/tokens',
        '/tokens/1/revoke',
      ])
        expect([path, (await post(path, { name: 'mallory', role: 'admin' }, visitor)).status]).toEqual([path, 403])
    }
    expect((await users()).some((one) => one.name === 'mallory')).toBe(false)
    expect((await http.get('/calls', admin)).text).toContain('href="/users"')
  })

  test('adds a person by a link that is shown once and let in once, and is kept nowhere', async () => {
    const form = { name: 'boris', role: 'viewer', key: 'press-1' }
    const added = await post('/users', form)
    const link = linkIn(added.text)
    expect([added.status, link]).toEqual([200, expect.stringMatching(/^\/login\//)])
    const again = await post('/users', form)
    expect([again.status, linkIn(again.text)]).toEqual([200, ''])
    expect(again.text).toContain('shown only once')
    expect(await page()).not.toContain('/login/')
    const { rows } = await http.app.connection.pool.query('select answer::text as answer from callsift.idempotency')
    expect(JSON.stringify(rows)).not.toContain(link.slice(7))
    const { cookie, status } = await enter(link)
    expect(status).toBe(303)
    expect((await enter(link)).status).toBe(410)
    expect((await http.get('/calls', { cookie })).text).toContain('boris')
  })

  test('a role changes with the next click; a reset ends sessions and forgets the password; who is disabled stays out', async () => {
    const boris = await idOf('boris')
    const { text } = await post(`/users/${boris}/link`)
    const { cookie } = await enter(linkIn(text))
    const visitor = { cookie, 'sec-fetch-site': 'same-origin' }
    expect((await post('/calls/1/cancel', {}, visitor)).status).toBe(403)
    expect((await post(`/users/${boris}/role`, { role: 'operator' })).headers['location']).toBe('/users?did=kept')
    expect((await post('/calls/1/cancel', {}, visitor)).status).toBe(303)
    expect((await post('/account', { password: 'a long enough password' }, visitor)).status).toBe(303)

    const reset = await post(`/users/${boris}/link`, { reset: 'true' })
    expect((await http.get('/calls', visitor)).status).toBe(303)
    expect((await users()).find((one) => one.id === boris)?.hasPassword).toBe(false)
    const from = { 'sec-fetch-site': 'same-origin' }
    const login = { name: 'boris', password: 'a long enough password' }
    expect((await post('/login', login, from)).status).toBe(401)
    const second = await enter(linkIn(reset.text))
    const back = { cookie: second.cookie, ...from }
    expect((await post('/account', { password: 'a long enough password' }, back)).status).toBe(303)

    expect((await post(`/users/${boris}/disable`)).status).toBe(303)
    expect((await http.get('/calls', back)).status).toBe(303)
    expect((await post('/login', login, from)).status).toBe(401)
    const late = await http.operate('user.link', { id: boris })
    expect((await enter(String(late.answer['loginPath']))).status).toBe(410)
    expect(await page()).toContain('Disabled')
    expect((await post(`/users/${boris}/enable`)).status).toBe(303)
    expect((await post('/login', login, from)).status).toBe(303)
    expect((await post(`/users/${boris}/disable`)).status).toBe(303)
    expect((await post(`/users/${boris}/remove`)).status).toBe(303)
    expect((await users()).some((one) => one.name === 'boris')).toBe(false)
  })

  test('the last administrator can be shut out by nobody, also when two are at it at once', async () => {
    const first = await idOf('admin-of-the-test')
    for (const path of [`/users/${first}/disable`, `/users/${first}/remove`])
      expect([path, (await post(path)).status]).toEqual([path, 409])
    expect((await post(`/users/${first}/role`, { role: 'viewer' })).status).toBe(409)
    expect((await post('/users', { name: 'ADMIN-of-the-test', role: 'viewer' })).status).toBe(409)
    expect(await page()).toContain('the only administrator')
    await http.operate('user.save', { name: 'deputy', role: 'admin' })
    const second = await idOf('deputy')
    const both = await Promise.all([
      http.operate('user.role', { id: first, role: 'viewer' }),
      http.operate('user.disable', { id: second }),
    ])
    expect(both.map((one) => one.status).sort()).toEqual([200, 409])
    const admins = (await users()).filter((one) => one.role === 'admin' && one.disabledAt === null)
    expect(admins).toHaveLength(1)
    await http.operate('user.save', { name: 'admin-of-the-test', role: 'admin' })
    expect((await http.get('/users', admin)).status).toBe(200)
    expect((await post('/users/999/disable')).status).toBe(404)
  })

  test('makes a token that is shown once, works by its role, and is out of force at once when it is revoked', async () => {
    const made = await post('/tokens', { name: 'reports', role: 'viewer', days: '30', key: 'press-2' })
    const token = /callsift_[\w-]{43}/.exec(made.text)?.[0] ?? ''
    expect(token).not.toBe('')
    expect(await page()).not.toContain(token)
    expect((await post('/tokens', { name: 'reports', role: 'viewer', days: '30', key: 'press-2' })).text).not.toMatch(
      /callsift_[\w-]{43}/,
    )
    const bearer = { authorization: `Bearer ${token}` }
    expect((await http.get('/api/v1/calls', bearer)).status).toBe(200)
    expect(
      (await http.post('/api/v1/calls/1/retry', '{}', { ...bearer, 'content-type': 'application/json' })).status,
    ).toBe(403)
    const id = /action="\/tokens\/(\d+)\/revoke"/.exec(await page())?.[1] ?? ''
    expect((await post(`/tokens/${id}/revoke`)).status).toBe(303)
    expect((await http.get('/api/v1/calls', bearer)).status).toBe(401)
    expect(await page()).toContain('revoked')
  })

  test('all of it stands in the audit, without a link or a token', async () => {
    const rows = await http.app.db
      .selectFrom('callsift.audit')
      .select(['actor', 'action', 'subject', 'detail'])
      .execute()
    const actions = new Set(rows.map((row) => row.action))
    for (const action of [
      'user.save',
      'user.role',
      'user.link',
      'user.disable',
      'user.enable',
      'user.remove',
      'token.create',
      'token.revoke',
    ])
      expect(actions).toContain(action)
    expect(rows.find((row) => row.action === 'token.create')?.actor).toBe('admin-of-the-test')
    expect(JSON.stringify(rows)).not.toMatch(/callsift_[\w-]{43}|\/login\//)
  })
})

// Behind a proxy that knows people already.
describe('a login by a proxy', () => {
  test('is believed of the named addresses alone, and only of who is a user here', async () => {
    const own = { 'x-forwarded-user': 'anna', 'sec-fetch-site': 'same-origin' }
    const trusted = await startHttpApp({
      environment: { CALLSIFT_TRUST_PROXY: '127.0.0.0/8', CALLSIFT_LOGIN_HEADER: 'X-Forwarded-User' },
    })
    const stranger = await startHttpApp({
      environment: { CALLSIFT_TRUST_PROXY: '10.0.0.5', CALLSIFT_LOGIN_HEADER: 'X-Forwarded-User' },
    })
    try {
      for (const http of [trusted, stranger]) {
        await http.addPortal()
        await http.operate('user.save', { name: 'anna', role: 'viewer' })
      }
      expect((await stranger.get('/calls', own)).status).toBe(303)
      expect((await stranger.get('/calls', { ...own, 'x-forwarded-for': '10.0.0.5' })).status).toBe(303)
      expect((await stranger.get('/api/v1/calls', own)).status).toBe(401)
      const page = await trusted.get('/calls', own)
      expect([page.status, page.text.includes('anna')]).toEqual([200, true])
      expect((await trusted.get('/users', own)).status).toBe(403)
      expect((await trusted.get('/calls', { 'x-forwarded-user': 'mallory' })).status).toBe(403)
      expect((await trusted.get('/calls')).status).toBe(303)
      expect((await trusted.post('/logout', '', { 'x-forwarded-user': 'anna' })).status).toBe(403)
      const { users } = (await trusted.operate('user.list')).answer as { users: { id: string; name: string }[] }
      await trusted.operate('user.disable', { id: users.find((one) => one.name === 'anna')?.id })
      expect((await trusted.get('/calls', own)).status).toBe(403)
    } finally {
      await trusted.close()
      await stranger.close()
    }
  })
})
