import { createHash, randomBytes } from 'node:crypto'
import { FormData, request } from 'undici'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pruneDeliveries } from '../../src/db/deliveries.ts'
import { pruneUploads } from '../../src/db/uploads.ts'
import { type HttpApp, startHttpApp } from '../support/http-app.ts'

let http: HttpApp
let token = ''

beforeAll(async () => {
  http = await startHttpApp()
  await http.addPortal()
  token = String((await http.operate('token.create', { name: 'crm' })).answer['token'])
})
afterAll(() => http.close())

interface Answer {
  readonly status: number
  readonly headers: Record<string, unknown>
  readonly body: Record<string, unknown>
}

async function api(
  method: 'GET' | 'POST',
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const isForm = body instanceof FormData
  const answer = await request(`${http.server.url}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined || isForm ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    body: isForm ? body : body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
  })
  return {
    status: answer.statusCode,
    headers: answer.headers,
    body: (await answer.body.json()) as Record<string, unknown>,
  }
}

function recording(bytes: Buffer, fields: Record<string, string> = {}, fileFirst = false): FormData {
  const form = new FormData()
  const file = () => form.append('file', new Blob([new Uint8Array(bytes)], { type: 'audio/mpeg' }), 'call.mp3')
  if (fileFirst) file()
  for (const [name, value] of Object.entries(fields)) form.append(name, value)
  if (!fileFirst) file()
  return form
}

describe('tokens', () => {
  test.each([
    ['none', {}],
    ['a wrong one', { authorization: 'Bearer callsift_wrong' }],
    ['another scheme', { authorization: 'Token abc' }],
  ])('%s is 401 with a challenge, as a problem', async (_name, headers) => {
    const answer = await request(`${http.server.url}/api/v1/calls`, { headers })
    expect(answer.statusCode).toBe(401)
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer/)
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/)
    expect(await answer.body.json()).toMatchObject({
      type: 'urn:callsift:problem:token_needed',
      title: expect.any(String),
      status: 401,
      detail: expect.any(String),
      mend: expect.any(String),
    })
  })

  test('a token is stored as a digest, noted when used, listed without itself, and dead once revoked', async () => {
    const made = (await http.operate('token.create', { name: 'short-lived' })).answer
    const secret = String(made['token'])
    expect(secret).toMatch(/^callsift_[\w-]{43}$/)
    const use = () =>
      request(`${http.server.url}/api/v1/calls`, { headers: { authorization: `Bearer ${secret}` } }).then(
        async (answer) => {
          await answer.body.dump()
          return answer.statusCode
        },
      )
    expect(await use()).toBe(200)
    const first = await http.app.db
      .selectFrom('callsift.tokens')
      .selectAll()
      .where('name', '=', 'short-lived')
      .executeTakeFirstOrThrow()
    expect(first.hash).toBe(createHash('sha256').update(secret).digest('hex'))
    expect(first.last_used_at).not.toBeNull()
    await use()
    const second = await http.app.db
      .selectFrom('callsift.tokens')
      .selectAll()
      .where('name', '=', 'short-lived')
      .executeTakeFirstOrThrow()
    expect(second.last_used_at).toEqual(first.last_used_at)
    expect(JSON.stringify((await http.operate('token.list')).answer)).not.toContain(secret.slice(9))
    expect((await http.operate('token.revoke', { id: made['id'] })).status).toBe(200)
    expect(await use()).toBe(401)
    expect((await http.operate('token.revoke', { id: made['id'] })).status).toBe(404)
  })
})

describe('POST /api/v1/calls', () => {
  test('a call by its id is 202, and a duplicate afterwards', async () => {
    const first = await api('POST', '/calls', { callId: 'api-1', entityTypeId: 2, entityId: 142, dryRun: true })
    expect(first).toMatchObject({
      status: 202,
      body: { outcome: 'accepted', callId: expect.any(String), runId: expect.any(String) },
    })
    expect(first.headers['location']).toBe(`/api/v1/calls/${first.body['callId']}`)
    const again = await api('POST', '/calls', { callId: 'api-1' })
    expect(again).toMatchObject({ status: 202, body: { outcome: 'duplicate', callId: first.body['callId'] } })
    const row = await http.app.db
      .selectFrom('callsift.calls')
      .selectAll()
      .where('call_ref', '=', 'api-1')
      .executeTakeFirstOrThrow()
    expect(row).toMatchObject({ portal_id: 'acme', entity_type_id: 2, entity_id: '142', dry_run: true, source: 'api' })
  })

  test.each([
    ['nothing', {}],
    ['a list', []],
    ['no JSON', '{"callId":'],
    ['an unknown field', { callId: 'x', colour: 'red' }],
    ['an entity without its id', { callId: 'x', entityTypeId: 2 }],
    ['an entity type of 9', { callId: 'x', entityTypeId: 9, entityId: 1 }],
    ['a file address', { recordingUrl: 'file:///etc/passwd' }],
    ['an address with a user', { recordingUrl: 'https://user:secret@example.org/a.mp3' }],
    ['a NUL', { callId: 'a\0b' }],
    ['a CALL_ID of 256', { callId: 'a'.repeat(256) }],
    ['an activity that is no number', { activityId: '1; drop' }],
    ['a prototype', '{"__proto__":{"callId":"x"}}'],
  ])('%s is 400 and changes nothing', async (_name, body) => {
    const before = [await http.count('calls'), await http.count('runs'), await http.count('inbox')]
    const answer = await api('POST', '/calls', body)
    expect(answer.status).toBe(400)
    expect(answer.body).toMatchObject({ status: 400, mend: expect.any(String) })
    expect([await http.count('calls'), await http.count('runs'), await http.count('inbox')]).toEqual(before)
  })

  test('an unknown portal is 404', async () => {
    expect(await api('POST', '/calls', { callId: 'x', portalId: 'nobody' })).toMatchObject({
      status: 404,
      body: { type: 'urn:callsift:problem:unknown_portal' },
    })
  })

  test('a recording address is kept for the fetch, and only its host on the delivery', async () => {
    await api('POST', '/calls', { recordingUrl: 'https://pbx.example.org/rec/1.mp3?token=secret-in-address' })
    const { deliveries } = (await http.operate('deliveries.list', { limit: 1 })).answer as { deliveries: unknown[] }
    expect(JSON.stringify(deliveries)).toContain('pbx.example.org')
    expect(JSON.stringify(deliveries)).not.toContain('secret-in-address')
  })

  test('an Idempotency-Key takes a recording in once, and not another one in its place', async () => {
    const key = { 'idempotency-key': 'b1f7-1' }
    const [one, two] = await Promise.all([
      api('POST', '/calls', { recordingUrl: 'https://pbx.example.org/2.mp3' }, key),
      api('POST', '/calls', { recordingUrl: 'https://pbx.example.org/2.mp3' }, key),
    ])
    expect(one.body['callId']).toBe(two.body['callId'])
    const other = await api('POST', '/calls', { recordingUrl: 'https://pbx.example.org/3.mp3' }, key)
    expect(other).toMatchObject({ status: 422, body: { type: 'urn:callsift:problem:idempotency_key_reused' } })
  })
})

describe('reading', () => {
  test('calls are paged newest first without a gap, and filtered', async () => {
    for (let n = 0; n < 5; n += 1) await api('POST', '/calls', { callId: `page-${n}` })
    const seen: string[] = []
    let cursor = ''
    do {
      const page = await api('GET', `/calls?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`)
      for (const call of page.body['calls'] as { id: string }[]) seen.push(call.id)
      cursor = String(page.body['nextCursor'] ?? '')
    } while (cursor !== '')
    expect(seen).toHaveLength(await http.count('calls'))
    expect(seen).toEqual([...seen].sort((a, b) => Number(b) - Number(a)))
    expect((await api('GET', '/calls?status=parked')).body['calls']).toEqual([])
    expect((await api('GET', '/calls?status=nonsense')).status).toBe(400)
  })

  test('a call is found by our id, its CALL_ID and its activity', async () => {
    const { body } = await api('POST', '/calls', { callId: 'shown.1', activityId: 900_001 })
    for (const name of [String(body['callId']), 'shown.1', 'call:shown.1', '900001', 'activity:900001']) {
      expect(await api('GET', `/calls/${encodeURIComponent(name)}`)).toMatchObject({
        status: 200,
        body: { call: { id: body['callId'] }, answer: { sentence: expect.any(String) } },
      })
    }
    expect((await api('GET', '/calls/nobody-knows')).status).toBe(404)
    expect((await api('GET', '/calls/activity:shown.1')).status).toBe(404)
  })

  test('an unknown operation is 404, and the known ones are listed', async () => {
    expect((await api('POST', '/ops/no.such', {})).status).toBe(404)
    const { operations } = (await api('GET', '/ops')).body as { operations: { name: string }[] }
    expect(operations.map((one) => one.name)).toEqual(
      expect.arrayContaining(['status', 'call.retry', 'gate.open', 'portal.check']),
    )
  })
})

test('what is tidied away: refused deliveries of long ago and uploads that nobody named, never a call or its recording', async () => {
  const named = await api('POST', '/calls', recording(randomBytes(500)))
  const { db } = http.app
  await db
    .insertInto('callsift.inbox')
    .values({ source: 'event', outcome: 'refused', received_at: new Date(0) })
    .execute()
  await db
    .insertInto('callsift.uploads')
    .values({ portal_id: 'acme', sha256: '', bytes: '0', created_at: new Date(0) })
    .execute()
  await db
    .updateTable('callsift.uploads')
    .set({ created_at: new Date(0) })
    .where('sha256', '<>', '')
    .execute()
  await db
    .updateTable('callsift.inbox')
    .set({ received_at: new Date(0) })
    .where('outcome', '=', 'accepted')
    .execute()
  const [inbox, uploads] = [await http.count('inbox'), await http.count('uploads')]
  expect([await pruneDeliveries(db, { keep: 1_000, maxDays: 90 }), await pruneUploads(db)]).toEqual([1, 1])
  expect([await http.count('inbox'), await http.count('uploads')]).toEqual([inbox - 1, uploads - 1])
  expect((await api('GET', `/calls/${named.body['callId']}`)).status).toBe(200)
})
