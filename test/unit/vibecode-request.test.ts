import { Writable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createLog } from '../../src/log.ts'
import { jsonDepth } from '../../src/vibecode/answer-body.ts'
import type { Vibecode, VibecodeOptions } from '../../src/vibecode/client.ts'
import { failureOf, isInDoubt } from '../../src/vibecode/failure-error.ts'
import type { Notice } from '../../src/vibecode/notices.ts'
import { ticketText } from '../../src/vibecode/ticket.ts'
import { recordingGuard } from '../fixtures/vibecode/guard.ts'
import { sendJson, startUpstream, type Upstream } from '../fixtures/vibecode/upstream.ts'

let upstream: Upstream
let gate: ReturnType<typeof recordingGuard>
let vibecode: Vibecode
const deal = { success: true, data: { id: 7, title: 'Deal' } }
const entry = { entityTypeId: 2, entityId: 1234, title: 't', text: 'x' }

beforeEach(async () => {
  upstream = await startUpstream()
  gate = recordingGuard()
  vibecode = upstream.client({ guard: gate.guard })
})
afterEach(async () => {
  await vibecode.close()
  await upstream.close()
  expect(gate.held()).toBe(0)
  expect(gate.leaves.every((count) => count === 1)).toBe(true)
})

async function reopen(options: Partial<VibecodeOptions>): Promise<void> {
  await vibecode.close()
  vibecode = upstream.client({ guard: gate.guard, ...options })
}

async function caught(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    () => expect.fail('it was to fail'),
    (error: Error) => error,
  )
}

describe('how often', () => {
  it('U06 repeats a read twice after a 502', async () => {
    upstream.answerWith([502, {}], [502, '<html>bad gateway</html>'], [200, deal])
    expect(await vibecode.crm.getDeal(7)).toMatchObject({ id: 7, title: 'Deal' })
    expect(upstream.requests).toHaveLength(3)
    upstream.answerWith([502, {}])
    expect(await caught(vibecode.chat.complete({ messages: [] }))).toMatchObject({ name: 'Retry' })
    expect(upstream.requests).toHaveLength(6)
  })

  it.each([400, 401, 402, 403, 404, 409, 413, 422])('U07 sends once for %i', async (status) => {
    upstream.answerWith([status, { success: false, error: { code: 'NEW_CODE', message: 'm' } }])
    for (const call of [
      () => vibecode.crm.getDeal(7),
      () => vibecode.timeline.create(entry),
      () => vibecode.models(),
    ]) {
      const before = upstream.requests.length
      const error = await caught(call())
      expect(error).toMatchObject({ name: 'Permanent', httpStatus: status, code: 'NEW_CODE', requestId: 'req-9' })
      expect(isInDoubt(error)).toBe(false)
      expect(upstream.requests).toHaveLength(before + 1)
    }
  })

  it('U08 leaves a 500 to the engine, which tries twice', async () => {
    upstream.answerWith([500, { success: false, error: { code: 'INTERNAL_ERROR', message: 'oops' } }])
    expect(await caught(vibecode.crm.getDeal(7))).toMatchObject({
      name: 'Retry',
      class: 'internal_error',
      maxAttempts: 2,
    })
    expect(upstream.requests).toHaveLength(1)
  })

  it('U01 sends nothing more after a 429 and names the wait', async () => {
    upstream.answerWith([429, {}, { 'x-ratelimit-reset': '2' }])
    expect(await caught(vibecode.crm.getDeal(7))).toMatchObject({
      name: 'Later',
      delayMs: 2_000,
      class: 'rate_limited',
    })
    expect(upstream.requests).toHaveLength(1)
  })

  it('repeats no time-out and no 504: the wait was long enough', async () => {
    upstream.answerWith([504, { error: { code: 'ai_provider_timeout', message: 'm' } }])
    expect(await caught(vibecode.transcribe({ file: Buffer.from('x'), filename: 'a.mp3' }))).toMatchObject({
      class: 'ai_provider_timeout',
    })
    expect(upstream.requests).toHaveLength(1)
  })
})

describe('U10 writes', () => {
  const refusals = [
    { name: '504', doubt: true, status: 504 },
    { name: '502', doubt: true, status: 502 },
    { name: '500', doubt: true, status: 500 },
    { name: '429', doubt: false, status: 429 },
    { name: '403', doubt: false, status: 403 },
  ]
  it.each(refusals)('sends once and is in doubt ($doubt) after $name', async ({ status, doubt }) => {
    upstream.answerWith([status, {}])
    expect(isInDoubt(await caught(vibecode.timeline.create(entry)))).toBe(doubt)
    expect(upstream.requests).toHaveLength(1)
  })

  it('sends once and is in doubt after a reset, an EOF within the body and an unreadable 2xx', async () => {
    const failing: Parameters<Upstream['answer']>[0][] = [
      (_request, response) => response.destroy(),
      (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': '500' })
        response.write('{"success":true,', () => response.destroy())
      },
      (_request, response) => sendJson(response, 200, '{"success":true,"data":{"id":'),
      (_request, response) => sendJson(response, 200, { success: true, data: { created: 'no id' } }),
      (_request, response) => response.writeHead(204).end(),
    ]
    for (const [index, handler] of failing.entries()) {
      upstream.answer(handler)
      const error = await caught(vibecode.timeline.create(entry))
      expect(isInDoubt(error), String(index)).toBe(true)
      expect(upstream.requests).toHaveLength(index + 1)
    }
  })

  it('goes out on a connection of its own', async () => {
    upstream.answerWith([200, { success: true, data: { id: 7 } }])
    await vibecode.crm.getDeal(7)
    await vibecode.crm.getDeal(7)
    const kept = upstream.connections()
    await vibecode.timeline.create(entry)
    await vibecode.timeline.create(entry)
    expect(upstream.connections()).toBe(kept + 2)
    const closing = upstream.requests.map(({ headers }) => headers.connection)
    expect(closing).toEqual(['keep-alive', 'keep-alive', 'close', 'close'])
  })
})

describe('U11, U12 unreadable answers', () => {
  const unreadable: [string, Parameters<Upstream['answer']>[0]][] = [
    ['HTML', (_request, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html></html>')],
    ['truncated JSON', (_request, response) => sendJson(response, 200, '{"success":true,"data":{"id":7')],
    ['an empty body', (_request, response) => sendJson(response, 200, '')],
    ['another content type', (_request, response) => sendJson(response, 200, deal, { 'content-type': 'text/plain' })],
    [
      'depth 100,000',
      (_request, response) => sendJson(response, 200, `{"data":${'['.repeat(100_000)}${']'.repeat(100_000)}}`),
    ],
    ['depth 100,000 unclosed', (_request, response) => sendJson(response, 200, '{"a":'.repeat(100_000))],
    ['a list for an object', (_request, response) => sendJson(response, 200, [1, 2])],
  ]
  it.each(unreadable)('reads %s as bad_upstream', async (_name, handler) => {
    upstream.answer(handler)
    const error = await caught(vibecode.crm.getDeal(7))
    expect(error).toMatchObject({ name: 'Retry', class: 'bad_upstream', maxAttempts: 3, httpStatus: 200 })
    expect(upstream.requests).toHaveLength(1)
  })

  it('cuts an answer of 50 MB at 4 MB', async () => {
    let written = 0
    upstream.answer((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      const block = Buffer.alloc(256 * 1024, 0x20)
      const more = () => {
        while (written < 50 * 1024 * 1024 && !response.destroyed) {
          written += block.byteLength
          if (!response.write(block)) {
            response.once('drain', more)
            return
          }
        }
        response.end()
      }
      more()
    })
    const error = await caught(vibecode.crm.getDeal(7))
    expect(error).toMatchObject({ class: 'bad_upstream' })
    expect(error.message).toContain('4 MB')
    expect(written).toBeLessThan(20 * 1024 * 1024)
  })

  it('counts depth outside strings only', () => {
    expect(jsonDepth(Buffer.from('{"a":"[[[[\\"[[","b":[{}]}'))).toBe(3)
  })

  it('U18, U19 tolerates unknown fields, ids as strings, and cleans invalid UTF-8', async () => {
    upstream.answerWith([
      200,
      { success: true, data: { ID: '7', TITLE: 'Deal', UF_CRM_X: 5, new: { a: 1 } }, extra: true },
    ])
    expect(await vibecode.crm.getDeal(7)).toMatchObject({ id: 7, title: 'Deal', UF_CRM_X: 5 })
    upstream.answer((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' })
      response.end(Buffer.concat([Buffer.from('{"text":"a'), Buffer.from([0xff]), Buffer.from('b"}')]))
    })
    expect((await vibecode.transcribe({ file: Buffer.from('x'), filename: 'a' })).text).toBe('a\uFFFDb')
  })

  it('reads a 2xx that says it failed as that failure', async () => {
    upstream.answerWith([200, { success: false, error: { code: 'ENTITY_NOT_FOUND', message: 'gone' } }])
    expect(await caught(vibecode.crm.getDeal(7))).toMatchObject({ name: 'Permanent', class: 'not_found' })
  })
})

it.each([301, 302, 303, 307, 308])('U16 follows no %i, so the key stays here', async (status) => {
  const elsewhere = await startUpstream()
  upstream.answerWith([status, {}, { location: `${elsewhere.baseUrl}/deals/7` }])
  for (const call of [
    () => vibecode.crm.getDeal(7),
    () => vibecode.timeline.create(entry),
    () => vibecode.files.open(7),
  ]) {
    expect(await caught(call())).toMatchObject({ class: 'bad_upstream', httpStatus: status })
  }
  expect(elsewhere.connections()).toBe(0)
  await elsewhere.close()
})

it('U17 tells of a deprecation and a replaced model once a day for each route', async () => {
  const lines: string[] = []
  const log = createLog(
    'warn',
    new Writable({ write: (chunk, _encoding, done) => done(void lines.push(String(chunk))) }),
  )
  const notices: Notice[] = []
  let now = 1_795_390_000_000
  await reopen({ log, now: () => now, onNotice: (notice) => notices.push(notice) })
  const headers = {
    deprecation: 'true',
    'x-deprecated-use': '/v1/chat/completions',
    'x-model-replacement': 'bitrix/next',
  }
  upstream.answerWith([200, { success: true, data: { id: 7, choices: [] } }, headers])
  await vibecode.crm.getDeal(7)
  await vibecode.crm.getDeal(8)
  await vibecode.with({}).crm.getDeal(8)
  expect(notices).toEqual([
    { kind: 'deprecated_route', route: 'GET /v1/deals/:id', detail: '/v1/chat/completions' },
    { kind: 'model_replaced', route: 'GET /v1/deals/:id', detail: 'bitrix/next' },
  ])
  await vibecode.crm.getActivity(7)
  expect(notices).toHaveLength(4)
  now += 86_400_001
  await vibecode.crm.getDeal(7)
  expect(notices).toHaveLength(6)
  expect(lines).toHaveLength(6)
})

it('U21 lets no key out in errors, reports or logs', async () => {
  const lines: string[] = []
  const log = createLog(
    'trace',
    new Writable({ write: (chunk, _encoding, done) => done(void lines.push(String(chunk))) }),
  )
  const apiKey = 'plain-key-without-any-prefix'
  await reopen({ log, apiKey })
  upstream.answerWith([403, { success: false, error: { code: apiKey, message: `your key ${apiKey}`, hint: apiKey } }])
  const error = await caught(vibecode.crm.getDeal(7))
  expect(failureOf(error)?.message).toContain('[sealed]')
  const told = JSON.stringify([error, error.message, error.stack, gate.reports, lines])
  expect(told).not.toContain(apiKey)
  expect(upstream.requests[0]?.headers['x-api-key']).toBe(apiKey)
})

it('writes a ticket with ids and times only', () => {
  const at = new Date('2026-05-05T12:00:00Z')
  const text = ticketText({ requestId: 'req-9', route: 'POST /v1/timeline-logs', at, attempts: 2 })
  expect(text).toContain(
    'POST /v1/timeline-logs answered 500 INTERNAL_ERROR 2 times; the last time at 2026-05-05T12:00:00.000Z',
  )
  expect(text).toContain('X-Request-Id of the last answer: req-9')
  expect(ticketText({ requestId: null, route: 'r', at, attempts: 1 })).toContain('carried no X-Request-Id')
})
