import { connect } from 'node:net'
import { sql } from 'kysely'
import { afterEach, describe, expect, test } from 'vitest'
import { callEnd, type HttpApp, memberId, startHttpApp } from '../support/http-app.ts'
import { createClosers } from '../support/stores.ts'

const hook = '/webhooks/bitrix24'
const closers = createClosers()
afterEach(() => closers.closeAll())

async function start(options: Parameters<typeof startHttpApp>[0] = {}): Promise<HttpApp> {
  const http = await startHttpApp(options)
  closers.add(() => http.close())
  await http.addPortal()
  return http
}

/** Sends from another address of this machine. */
async function postFrom(http: HttpApp, localAddress: string, body: string, head = ''): Promise<number> {
  return await new Promise((resolve, reject) => {
    const socket = connect({ port: http.server.port, host: '127.0.0.1', localAddress })
    let text = ''
    socket.on('data', (piece) => {
      text += piece.toString('latin1')
      const status = /^HTTP\/1\.1 (\d{3})/.exec(text)?.[1]
      if (status !== undefined) {
        socket.destroy()
        resolve(Number(status))
      }
    })
    socket.on('error', reject)
    socket.write(
      `POST ${hook} HTTP/1.1\r\nHost: x\r\n${head}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    )
  })
}

describe('strangers', () => {
  const wrong = () => callEnd({}, { 'auth[application_token]': 'wrong' })

  test('W34 thirty wrong tokens a minute: 429 for that address alone', async () => {
    let skippedMs = 0
    const http = await start({ now: () => Date.now() + skippedMs })
    for (let n = 0; n < 29; n += 1) expect(await postFrom(http, '127.0.0.2', wrong())).toBe(401)
    await postFrom(http, '127.0.0.2', wrong())
    expect(await postFrom(http, '127.0.0.2', wrong())).toBe(429)
    expect(await postFrom(http, '127.0.0.2', callEnd())).toBe(429)
    expect(await postFrom(http, '127.0.0.3', callEnd({ CALL_ID: 'other-address' }))).toBe(200)
    skippedMs += 61_000
    expect(await postFrom(http, '127.0.0.2', callEnd({ CALL_ID: 'after-a-minute', CRM_ACTIVITY_ID: '' }))).toBe(200)
  })

  test('W35 what a sender says of its address is not believed, unless it is a proxy that was named', async () => {
    const claim = (address: string) => `X-Forwarded-For: ${address}\r\n`
    const open = await start()
    // Each claims another address; they are one.
    for (let n = 0; n < 30; n += 1) await postFrom(open, '127.0.0.5', wrong(), claim(`203.0.113.${n}`))
    expect(await postFrom(open, '127.0.0.5', wrong(), claim('203.0.113.99'))).toBe(429)

    const behind = await start({ environment: { CALLSIFT_TRUST_PROXY: '127.0.0.6,10.0.0.0/8' } })
    for (let n = 0; n < 30; n += 1) await postFrom(behind, '127.0.0.6', wrong(), claim('203.0.113.7'))
    expect(await postFrom(behind, '127.0.0.6', wrong(), claim('203.0.113.7'))).toBe(429)
    expect(await postFrom(behind, '127.0.0.6', wrong(), claim('203.0.113.8'))).toBe(401)
    // The address nearest to the proxy counts: what stands before it is the sender's own word.
    expect(await postFrom(behind, '127.0.0.6', wrong(), claim('198.51.100.1, 203.0.113.7'))).toBe(429)
    for (let n = 0; n < 30; n += 1) await postFrom(behind, '127.0.0.7', wrong(), claim(`203.0.113.1${n}`))
    expect(await postFrom(behind, '127.0.0.7', wrong(), claim('203.0.113.200'))).toBe(429)
  })

  test("an address that has sent right tokens is not shut out by somebody else's wrong ones from there", async () => {
    const http = await start()
    expect(await postFrom(http, '127.0.0.4', callEnd())).toBe(200)
    for (let n = 0; n < 40; n += 1) await postFrom(http, '127.0.0.4', wrong())
    expect(await postFrom(http, '127.0.0.4', wrong())).toBe(429)
    expect(await postFrom(http, '127.0.0.4', callEnd({ CALL_ID: 'still-taken', CRM_ACTIVITY_ID: '' }))).toBe(200)
  })

  test('a flood of them leaves ten rows a minute', async () => {
    const http = await start({ now: () => 1_773_239_640_000 })
    for (let n = 0; n < 40; n += 1) await postFrom(http, `127.0.1.${n + 1}`, wrong())
    expect(await http.count('inbox')).toBe(10)
  })
})

describe('without the record', () => {
  test('a delivery is 503 with Retry-After within 2 s, never 200, and taken once the record is back', async () => {
    const http = await start()
    expect((await http.post(hook, callEnd())).status).toBe(200)
    // Somebody else's transaction holds the table: the record is there and does not answer.
    let free: () => void = () => undefined
    const held = new Promise<void>((resolve) => (free = resolve))
    const holding = http.app.db.transaction().execute(async (trx) => {
      await sql`lock table callsift.inbox in access exclusive mode`.execute(trx)
      await held
    })
    const startedAt = performance.now()
    const answer = await http.post(hook, callEnd({ CALL_ID: 'while-away', CRM_ACTIVITY_ID: '' }))
    expect(answer.status).toBe(503)
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0)
    expect(performance.now() - startedAt).toBeLessThan(2_500)
    expect((await http.get('/readyz')).status).toBe(503)
    expect((await http.get('/livez')).status).toBe(200)
    free()
    await holding
    await expect
      .poll(async () => (await http.post(hook, callEnd({ CALL_ID: 'while-away', CRM_ACTIVITY_ID: '' }))).status)
      .toBe(200)
  })

  test('a record that is closed is 503', async () => {
    const http = await start()
    await http.app.connection.close()
    const answer = await http.post(hook, callEnd())
    expect(answer.status).toBe(503)
    expect(answer.headers['retry-after']).toBeDefined()
  })
})

describe('in a sandbox', () => {
  test("a real portal's event is 503 and told SANDBOX; the sandbox's own is taken", async () => {
    const http = await start({ environment: { CALLSIFT_MODE: 'sandbox' } })
    const real = await http.post(hook, callEnd({}, { 'auth[member_id]': 'member-of-a-real-portal' }))
    expect(real.status).toBe(503)
    expect(real.text).toContain('SANDBOX')
    const own = await http.post(hook, callEnd())
    expect(own.status).toBe(200)
    expect(own.headers['x-callsift-mode']).toBe('SANDBOX')
    expect(
      (await http.post(hook, callEnd({}, { 'auth[application_token]': 'wrong', 'auth[member_id]': memberId }))).status,
    ).toBe(401)
  })
})
