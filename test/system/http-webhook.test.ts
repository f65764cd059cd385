import { connect } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { applicationToken, callEnd, type HttpApp, memberId, startHttpApp } from '../support/http-app.ts'

const hook = '/webhooks/bitrix24'
let http: HttpApp
const lines: string[] = []
/** Hours can pass without waiting; the minute of wrong tokens too. */
let skippedMs = 0

beforeAll(async () => {
  http = await startHttpApp({ log: (line) => lines.push(line), now: () => Date.now() + skippedMs })
  await http.addPortal()
})
afterAll(() => http.close())
beforeEach(() => {
  skippedMs += 61_000
})

/** Sends bytes as they are and gives what comes back until the server closes. */
async function raw(bytes: string | Buffer): Promise<{ text: string; ms: number }> {
  const socket = connect(http.server.port, '127.0.0.1')
  const startedAt = performance.now()
  let text = ''
  socket.on('data', (piece) => {
    text += piece.toString('latin1')
  })
  socket.on('error', () => undefined)
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.write(bytes)
  await closed
  return { text, ms: performance.now() - startedAt }
}

const withAddress = (text: string) => `POST ${hook} HTTP/1.1\r\nHost: x\r\n${text}`

async function lastDelivery() {
  return await http.app.db
    .selectFrom('callsift.inbox')
    .selectAll()
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirstOrThrow()
}

async function outcome(body: string): Promise<Record<string, unknown> & { status: number }> {
  const answer = await http.post(hook, body)
  return { status: answer.status, ...JSON.parse(answer.text) }
}

describe('what is refused by its head', () => {
  test.each(['GET', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH'])(
    'W01 %s is 405 and says Allow: POST',
    async (method) => {
      const { text } = await raw(`${method} ${hook} HTTP/1.1\r\nHost: x\r\n\r\n`)
      expect(text).toMatch(/^HTTP\/1\.1 405 /)
      expect(text.toLowerCase()).toContain('allow: post')
    },
  )

  test.each([
    ['W02 text/plain', 'Content-Type: text/plain\r\n'],
    ['W02 none', ''],
    ['W02 multipart', 'Content-Type: multipart/form-data; boundary=x\r\n'],
    ['W03 JSON', 'Content-Type: application/json\r\n'],
    ['W11 gzip', 'Content-Type: application/x-www-form-urlencoded\r\nContent-Encoding: gzip\r\n'],
  ])('%s is 415', async (_name, head) => {
    const { text } = await raw(withAddress(`${head}Content-Length: 3\r\n\r\na=b`))
    expect(text).toMatch(/^HTTP\/1\.1 415 /)
  })

  test('W04 65,537 bytes announced are 413 before any of them was sent', async () => {
    const { text, ms } = await raw(
      withAddress('Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 65537\r\n\r\n'),
    )
    expect(text).toMatch(/^HTTP\/1\.1 413 /)
    expect(ms).toBeLessThan(1_000)
  })

  const chunked = withAddress('Content-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n')
  const chunk = `1000\r\n${'a'.repeat(4096)}\r\n`

  test('W05 a body in chunks is 413 one byte past 64 KiB, before its end', async () => {
    const { text, ms } = await raw(`${chunked}${chunk.repeat(16)}1\r\na\r\n`)
    expect(text).toMatch(/^HTTP\/1\.1 413 /)
    expect(text.toLowerCase()).toContain('connection: close')
    expect(ms).toBeLessThan(1_000)
  })

  test('W05 one that never ends has its connection closed after no more than the sockets hold', async () => {
    const socket = connect(http.server.port, '127.0.0.1')
    socket.on('error', () => undefined)
    let open = true
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve())).then(() => {
      open = false
    })
    socket.write(chunked)
    const startedAt = performance.now()
    while (open) {
      if (socket.writable && !socket.write(chunk))
        await Promise.race([closed, new Promise((resolve) => socket.once('drain', resolve))])
      else await new Promise((resolve) => setImmediate(resolve))
    }
    expect(performance.now() - startedAt).toBeLessThan(5_000)
    // Both ends' buffers on the loopback take some megabytes; what was read of it is 64 KiB.
    expect(socket.bytesWritten).toBeLessThan(32_000_000)
  })

  test('W06 a body that stalls is 408 and closed within 10 s', async () => {
    const { text, ms } = await raw(
      withAddress('Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 500\r\n\r\nevent=ONVO'),
    )
    expect(text).toMatch(/^HTTP\/1\.1 408 /)
    expect(text.toLowerCase()).toContain('connection: close')
    expect(ms).toBeLessThan(10_000)
  })

  test.each([
    ['length and chunks', 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['a bad chunk size', 'Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n'],
  ])('W07 %s is 400 and closed', async (_name, rest) => {
    const { text } = await raw(withAddress(`Content-Type: application/x-www-form-urlencoded\r\n${rest}`))
    expect(text).toMatch(/^HTTP\/1\.1 400 /)
    expect(text.match(/HTTP\/1\.1/g)).toHaveLength(1)
  })

  test('W09 heads of 17 KB are 431', async () => {
    const { text } = await raw(withAddress(`X-Long: ${'a'.repeat(17_000)}\r\n\r\n`))
    expect(text).toMatch(/^HTTP\/1\.1 431 /)
  })

  test('W10 a gigabyte is not asked for', async () => {
    const head = `Content-Type: application/x-www-form-urlencoded\r\nContent-Length: ${2 ** 30}\r\nExpect: 100-continue\r\n\r\n`
    const { text } = await raw(withAddress(head))
    expect(text).toMatch(/^HTTP\/1\.1 413 /)
    expect(text).not.toContain('100 Continue')
  })

  test.each([
    '/webhooks/../ops',
    '//',
    '/webhooks//bitrix24',
    '/webhooks/%2e%2e/ops',
    '/webhooks/bitrix24/',
    '/%zz',
    '/.env',
  ])('W36 POST %s is 404', async (path) => {
    const { text } = await raw(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`)
    expect(text).toMatch(/^HTTP\/1\.1 404 /)
  })
})

describe('who is known', () => {
  const good = () => callEnd({ CALL_ID: 'never-taken' })
  const bad: [string, string][] = [
    ['W12 an empty body', ''],
    ['W13 one character off', callEnd({}, { 'auth[application_token]': `${applicationToken.slice(0, -1)}x` })],
    ['W13 empty', callEnd({}, { 'auth[application_token]': '' })],
    ['W13 unicode', callEnd({}, { 'auth[application_token]': 'ключ🔑' })],
    ['W12 no auth', 'event=ONVOXIMPLANTCALLEND&data[CALL_ID]=x'],
    ['W13 50 KB', callEnd({}, { 'auth[application_token]': 'a'.repeat(50_000) })],
    ['W14 repeated, right first', `${good()}&auth[application_token]=wrong`],
    ['W14 repeated, right last', `auth[application_token]=wrong&${good()}`],
    [
      'W15 as a list',
      `${callEnd({}, { 'auth[application_token]': undefined })}&auth[application_token][]=${applicationToken}`,
    ],
    ['W15 as a length', `${callEnd({}, { 'auth[application_token]': undefined })}&auth[application_token][length]=32`],
    ['W15 auth itself', `event=ONVOXIMPLANTCALLEND&auth=${applicationToken}`],
    ['W17 of another portal', callEnd({}, { 'auth[member_id]': 'ffff' })],
    ['W17 member id missing', callEnd({}, { 'auth[member_id]': undefined })],
  ]
  test.each(bad)('%s is 401', async (_name, body) => {
    const calls = await http.count('calls')
    const answer = await http.post(hook, body)
    expect(answer.status).toBe(401)
    expect(JSON.parse(answer.text)).toMatchObject({
      type: 'urn:callsift:problem:unknown_sender',
      status: 401,
      mend: expect.any(String),
    })
    expect(await http.count('calls')).toBe(calls)
  })

  test('W16 a token in the query or in a header is none', async () => {
    const body = callEnd({}, { 'auth[application_token]': undefined })
    const answer = await http.post(`${hook}?auth[application_token]=${applicationToken}`, body, {
      'x-application-token': applicationToken,
    })
    expect(answer.status).toBe(401)
  })

  test('W13 a token of a megabyte is a body too long, and its token is never looked at', async () => {
    expect((await http.post(hook, callEnd({}, { 'auth[application_token]': 'a'.repeat(1_000_000) }))).status).toBe(413)
  })

  test('W13 all wrong tokens get the very same answer', async () => {
    const answers = await Promise.all(bad.map(async ([, body]) => (await http.post(hook, body)).text))
    expect(new Set(answers).size).toBe(1)
  })

  test('the token before the last one is still good', async () => {
    await http.operate('portal.save', { id: 'acme', memberId, applicationToken: 'the-new-token-0123456789' })
    expect(
      (await http.post(hook, callEnd({ CALL_ID: 'by-new' }, { 'auth[application_token]': 'the-new-token-0123456789' })))
        .status,
    ).toBe(200)
    expect((await http.post(hook, callEnd({ CALL_ID: 'by-old', CRM_ACTIVITY_ID: '' }))).status).toBe(200)
  })
})

describe('what a form may be', () => {
  test('W18 names of prototypes are names', async () => {
    const extra = '__proto__[isAdmin]=1&constructor[prototype][x]=1&auth[__proto__][y]=1'
    expect((await http.post(hook, `${callEnd({ CALL_ID: 'w18', CRM_ACTIVITY_ID: '18' })}&${extra}`)).status).toBe(200)
    expect(Object.keys(Object.prototype)).toEqual([])
    expect(({} as Record<string, unknown>)['isAdmin']).toBeUndefined()
  })

  test.each([
    ['W19 depth 1,000', `a${'[b]'.repeat(1_000)}=1`],
    ['W19 64 KB of brackets', `a${'[]'.repeat(32_000)}=1`],
    ['W20 1,001 parameters', Array.from({ length: 1_001 }, (_, n) => `p${n}=1`).join('&')],
    ['W20 30,000 ampersands', '&'.repeat(30_000)],
  ])('%s is 400 within 50 ms', async (_name, body) => {
    const times: number[] = []
    // The best of five: what else this machine does in the meantime is not asked.
    for (let n = 0; n < 5; n += 1) {
      const startedAt = performance.now()
      const answer = await http.post(hook, body)
      times.push(performance.now() - startedAt)
      expect(answer).toMatchObject({ status: 400 })
      expect(JSON.parse(answer.text)).toMatchObject({ type: 'urn:callsift:problem:bad_form' })
    }
    expect(Math.min(...times)).toBeLessThan(50)
  })

  test.each([
    ['data[1000000000]=x', 400],
    ['data[999999999]=x&data[5]=y', 400],
    ['a[4294967295]=x', 400],
    ['1000000000=x', 200],
  ])('W21 %s takes no memory: %i', async (extra, status) => {
    const before = process.memoryUsage().heapUsed
    const body = `${callEnd({ CALL_ID: `w21 ${extra}`, CRM_ACTIVITY_ID: '' })}&${extra}`
    expect((await http.post(hook, body)).status).toBe(status)
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(32_000_000)
  })

  test.each([
    ['%zz', '%zz'],
    ['%d0%b4%zz', 'д%zz'],
    ['%ff%fe', '\uFFFD\uFFFD'],
    ['%ED%A0%80', '\uFFFD\uFFFD\uFFFD'],
    ['%d1', '\uFFFD'],
  ])('W22 %s is stored as text that can be stored', async (piece, stored) => {
    const body = callEnd({ CALL_ID: 'PLACE', CRM_ACTIVITY_ID: '' }).replace('PLACE', `w22-${piece}`)
    expect((await http.post(hook, body)).status).toBe(200)
    expect(
      (await http.app.db.selectFrom('callsift.calls').select('call_ref').orderBy('id', 'desc').executeTakeFirst())
        ?.call_ref,
    ).toBe(`w22-${stored}`)
  })
  test('W22 a NUL is 400', async () => {
    expect(await outcome(callEnd({ CALL_ID: 'w22\0' }))).toMatchObject({
      status: 400,
      type: 'urn:callsift:problem:invalid_event',
    })
  })

  test.each([
    ['W23 no CALL_ID', callEnd({ CALL_ID: undefined })],
    ['W23 a list', `${callEnd()}&data[CALL_ID]=second`],
    ['W23 a tree', `${callEnd({ CALL_ID: undefined })}&data[CALL_ID][x]=1`],
    ['W23 10 KB', callEnd({ CALL_ID: 'a'.repeat(10_000) })],
    ['W27 -5', callEnd({ CALL_DURATION: '-5' })],
    ['W27 NaN', callEnd({ CALL_DURATION: 'NaN' })],
    ['W27 1e309', callEnd({ CALL_DURATION: '1e309' })],
    ['W27 12abc', callEnd({ CALL_DURATION: '12abc' })],
    ['W28 SQL', callEnd({ CRM_ACTIVITY_ID: '1 OR 1=1' })],
    ['W28 a path', callEnd({ CRM_ACTIVITY_ID: '../../x' })],
    ['W28 10^30', callEnd({ CRM_ACTIVITY_ID: `1${'0'.repeat(30)}` })],
    ['W33 ts is text', callEnd({}, { ts: 'yesterday' })],
    ['W38 a phone of 60 KB', callEnd({ PHONE_NUMBER: '1'.repeat(60_000) })],
    ['W38 a phone of 65', callEnd({ PHONE_NUMBER: '1'.repeat(65) })],
  ])('%s is 400 invalid_event, and kept', async (_name, body) => {
    expect(await outcome(body)).toMatchObject({ status: 400, type: 'urn:callsift:problem:invalid_event' })
    expect(await lastDelivery()).toMatchObject({ portal_id: 'acme', outcome: 'refused', reason: 'invalid_event' })
  })

  test.each(['a:b', '123', '0', '0:x', 'with space', '\u202Ertl', '📞'])(
    'W24 CALL_ID %j is one call',
    async (callId) => {
      const runs = await http.count('runs')
      expect(await outcome(callEnd({ CALL_ID: callId, CRM_ACTIVITY_ID: '' }))).toMatchObject({
        status: 200,
        outcome: 'accepted',
      })
      expect(await http.count('runs')).toBe(runs + 1)
    },
  )

  test('W38 a phone that is a formula or markup stays text, and a megabyte of it is too long', async () => {
    const phone = '=HYPERLINK("x")<script>alert(1)</script>'
    expect(await outcome(callEnd({ CALL_ID: 'w38', CRM_ACTIVITY_ID: '', PHONE_NUMBER: phone }))).toMatchObject({
      status: 200,
    })
    const call = await http.app.db
      .selectFrom('callsift.calls')
      .selectAll()
      .where('call_ref', '=', 'w38')
      .executeTakeFirstOrThrow()
    expect(call.phone).toBe(phone)
    expect((await http.post(hook, callEnd({ PHONE_NUMBER: '1'.repeat(1_000_000) }))).status).toBe(413)
  })
})

describe('what is taken and what is ignored', () => {
  test.each([
    ['W25 an unknown event', callEnd({}, { event: 'ONCRMDEALADD' }), 'event_not_used'],
    ['W26 missed', callEnd({ CALL_FAILED_CODE: '304' }), 'no_conversation'],
    ['W26 no second', callEnd({ CALL_DURATION: '0' }), 'no_conversation'],
    ['an information call', callEnd({ CALL_TYPE: '5' }), 'information_call'],
    ['shorter than 15 s', callEnd({ CALL_DURATION: '14' }), 'too_short'],
    ['W33 30 days old', callEnd({}, { ts: String(Math.floor(Date.now() / 1000) - 30 * 86_400) }), 'stale'],
    [
      'an activity nobody knows',
      callEnd({}, { event: 'OnCrmActivityUpdate', 'data[FIELDS][ID]': '991' }),
      'unknown_activity',
    ],
  ])('%s is ignored, and kept with its reason', async (_name, body, reason) => {
    const calls = await http.count('calls')
    expect(await outcome(body)).toEqual({ status: 200, outcome: 'ignored', reason })
    expect(await http.count('calls')).toBe(calls)
    const kept = await lastDelivery()
    expect(kept).toMatchObject({ portal_id: 'acme', outcome: 'ignored', reason })
    expect(JSON.stringify(kept)).not.toMatch(/74951234567|jvh9/)
  })

  test.each([
    ['W25 a lower-case event', callEnd({ CALL_ID: 'w25', CRM_ACTIVITY_ID: '' }, { event: 'onvoximplantcallend' })],
    [
      'W29 other addresses',
      callEnd(
        { CALL_ID: 'w29', CRM_ACTIVITY_ID: '' },
        { 'auth[domain]': 'evil.example', 'auth[client_endpoint]': 'http://169.254.169.254/' },
      ),
    ],
    [
      'W33 a day ahead',
      callEnd({ CALL_ID: 'w33a', CRM_ACTIVITY_ID: '' }, { ts: String(Math.floor(Date.now() / 1000) + 86_400) }),
    ],
    ['W33 no ts', callEnd({ CALL_ID: 'w33b', CRM_ACTIVITY_ID: '' }, { ts: undefined })],
  ])('%s is accepted', async (_name, body) => {
    expect(await outcome(body)).toMatchObject({
      status: 200,
      outcome: 'accepted',
      callId: expect.stringMatching(/^\d+$/),
    })
  })

  test('W30 one event a hundred times at once is one call and one run, a hundred times 200', async () => {
    const [calls, runs] = [await http.count('calls'), await http.count('runs')]
    const body = callEnd({ CALL_ID: 'w30', CRM_ACTIVITY_ID: '30' })
    const answers = await Promise.all(Array.from({ length: 100 }, () => outcome(body)))
    expect(answers.every((answer) => answer.status === 200)).toBe(true)
    expect(answers.filter((answer) => answer['outcome'] === 'accepted')).toHaveLength(1)
    expect(new Set(answers.map((answer) => answer['callId'])).size).toBe(1)
    expect([await http.count('calls'), await http.count('runs')]).toEqual([calls + 1, runs + 1])
  })

  test('W31 the same call by another handler, at another time, or by its activity, is a duplicate', async () => {
    const first = await outcome(callEnd({ CALL_ID: 'w31', CRM_ACTIVITY_ID: '31' }))
    const again = await outcome(
      callEnd({ CALL_ID: 'w31', CRM_ACTIVITY_ID: '31' }, { event_handler_id: '7', ts: undefined }),
    )
    expect(again).toMatchObject({ status: 200, outcome: 'duplicate', callId: first['callId'] })
    const byActivity = await outcome(callEnd({}, { event: 'ONCRMACTIVITYUPDATE', 'data[FIELDS][ID]': '31' }))
    expect(byActivity).toMatchObject({ outcome: 'duplicate', callId: first['callId'] })
  })

  test('a kept delivery holds the last four digits of the phone and no token', async () => {
    await outcome(callEnd({ CALL_ID: 'masked', CRM_ACTIVITY_ID: '' }))
    const text = JSON.stringify((await lastDelivery()).masked)
    expect(text).toContain('***4567')
    expect(text).not.toMatch(/4951234567|jvh9/)
  })

  test("the portal's own settings go before the program's", async () => {
    await http.operate('portal.settings', {
      id: 'acme',
      settings: { minSeconds: 120, directions: ['out'], users: ['77'], lines: ['reg1'] },
    })
    const reasons: unknown[] = []
    for (const data of [
      { CALL_DURATION: '119' },
      { CALL_DURATION: '130', CALL_TYPE: '2' },
      { CALL_DURATION: '130', CALL_TYPE: '1' },
      { CALL_DURATION: '130', CALL_TYPE: '1', PORTAL_USER_ID: '77' },
    ]) {
      expect((await outcome(callEnd({ CALL_ID: 'settings', CRM_ACTIVITY_ID: '', ...data })))['outcome']).toBe('ignored')
      reasons.push((await lastDelivery()).reason)
    }
    expect(reasons).toEqual(['too_short', 'direction', 'user', 'line'])
    await http.operate('portal.settings', {
      id: 'acme',
      settings: { minSeconds: null, directions: null, users: null, lines: null },
    })
    expect((await outcome(callEnd({ CALL_ID: 'settings', CRM_ACTIVITY_ID: '' })))['outcome']).toBe('accepted')
  })
})

describe('the robot', () => {
  const door = '/webhooks/bitrix24/robot/robot-secret-of-acme'
  test('takes a call and its record from the query', async () => {
    const answer = await http.post(`${door}?callId=r1&entity=deal&id=142`, '')
    expect(JSON.parse(answer.text)).toMatchObject({ outcome: 'accepted' })
    const call = await http.app.db
      .selectFrom('callsift.calls')
      .selectAll()
      .where('call_ref', '=', 'r1')
      .executeTakeFirstOrThrow()
    expect(call).toMatchObject({ entity_type_id: 2, entity_id: '142', source: 'robot' })
  })
  test('takes the record from the document it runs on', async () => {
    await http.post(
      `${door}?activityId=8001`,
      'document_id[0]=crm&document_id[1]=CCrmDocumentDeal&document_id[2]=DEAL_143',
    )
    const call = await http.app.db
      .selectFrom('callsift.calls')
      .selectAll()
      .where('activity_id', '=', '8001')
      .executeTakeFirstOrThrow()
    expect(call).toMatchObject({ entity_type_id: 2, entity_id: '143' })
  })
  test('says what is missing when no call is named', async () => {
    const answer = await http.post(`${door}?entity=deal&id=142`, '')
    expect(answer.status).toBe(400)
    expect(JSON.parse(answer.text).detail).toContain('callId=')
  })
  test('a wrong secret is 401, and no secret is ever logged', async () => {
    expect((await http.post('/webhooks/bitrix24/robot/some-wrong-secret?callId=x', '')).status).toBe(401)
    expect(lines.join('\n')).not.toMatch(/robot-secret-of-acme|some-wrong-secret|jvh9-application/)
    expect(lines.length).toBeGreaterThan(10)
  })
})

// Last, since the days that pass here pass for all that comes after.
test('W32 an event that is replayed is a duplicate after an hour and after 25; after 29 days it is stale, or a duplicate where its time was forged', async () => {
  const at = () => String(Math.floor((Date.now() + skippedMs) / 1000))
  const event = (ts: string) => callEnd({ CALL_ID: 'w32', CRM_ACTIVITY_ID: '' }, { ts })
  const sent = event(at())
  const first = await outcome(sent)
  expect(first).toMatchObject({ status: 200, outcome: 'accepted' })
  for (const hours of [1, 24]) {
    skippedMs += hours * 3_600_000
    expect(await outcome(sent)).toMatchObject({ status: 200, outcome: 'duplicate', callId: first['callId'] })
  }
  skippedMs += 28 * 86_400_000
  expect(await outcome(sent)).toMatchObject({ status: 200, outcome: 'ignored', reason: 'stale' })
  expect(await outcome(event(at()))).toMatchObject({ status: 200, outcome: 'duplicate', callId: first['callId'] })
})
