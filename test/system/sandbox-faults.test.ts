import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { openSandbox, type SandboxClient } from '../support/sandbox-client.ts'

let client: SandboxClient
let dealId: number

beforeAll(async () => {
  client = await openSandbox()
  dealId = (await client.sandbox.addCall({ portal: 'acme', toneText: 'hello' })).dealId ?? 0
})
afterAll(() => client.stop())
beforeEach(() => client.control('DELETE', '/faults'))

const write = (timeoutMs?: number) =>
  client.ask('POST', '/v1/timeline-logs', {
    body: { entityTypeId: 2, entityId: dealId, title: 't', text: 'x' },
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  })
const entries = () => client.sandbox.effects(0, 'timeline-log').length
const fault = (body: Record<string, unknown>) =>
  client.control('POST', '/faults', { route: 'timeline-logs.create', times: 1, ...body })

test('429 with its wait in headers and body', async () => {
  await fault({ kind: 'status', status: 429, retryAfter: 3 })
  const answer = await write()
  expect([answer.status, answer.headers['x-ratelimit-reset'], answer.headers['retry-after']]).toEqual([429, '3', '3'])
  expect(answer.json().error).toMatchObject({ code: 'RATE_LIMIT_EXCEEDED', retryAfter: 3 })
  const { duringWait } = await client.control('GET', '/counters')
  expect((await write()).status).toBe(201)
  expect((await client.control('GET', '/counters')).duringWait).toBe(duringWait + 1)
})

test('any status with any code and headers, in either envelope', async () => {
  await fault({ kind: 'status', status: 403, code: 'BITRIX_ACCESS_DENIED', message: 'no', headers: { 'x-extra': '1' } })
  const answer = await write()
  expect(answer.json()).toEqual({ success: false, error: { code: 'BITRIX_ACCESS_DENIED', message: 'no' } })
  expect(answer.headers['x-extra']).toBe('1')
  await fault({ route: 'chat', kind: 'status', status: 503 })
  const body = { messages: [{ role: 'user', content: 'x' }] }
  const chat = await client.ask('POST', '/v1/chat/completions', { body })
  expect(chat.json().error).toMatchObject({ type: 'service_unavailable', code: 'model_unavailable' })
  await fault({ route: 'chat', kind: 'status', status: 429, retryAfter: 1, headers: { 'x-ratelimit-reset': 'soon' } })
  const limited = await client.ask('POST', '/v1/chat/completions', { body })
  expect([limited.headers['x-ratelimit-reset'], limited.json().success]).toEqual(['soon', false])
})

test('502 before applying leaves nothing; 502, 504, a reset, a lost and a cut answer after applying leave the entry', async () => {
  let before = entries()
  await fault({ kind: 'before' })
  expect([(await write()).status, entries() - before]).toEqual([502, 0])
  for (const status of [502, 504]) {
    before = entries()
    await fault({ kind: 'after', status })
    const answer = await write()
    expect([answer.status, entries() - before]).toEqual([status, 1])
    expect(answer.json().error.code).not.toBe('QUEUE_TIMEOUT')
  }
  for (const how of ['reset', 'lost', 'truncated']) {
    before = entries()
    await fault({ kind: 'after', how })
    await expect(write(400)).rejects.toThrow()
    expect([how, entries() - before]).toEqual([how, 1])
  }
})

test('after applying, a refusal stays a refusal', async () => {
  await fault({ kind: 'after', status: 502 })
  const answer = await client.ask('POST', '/v1/timeline-logs', { body: { entityTypeId: 2, entityId: dealId } })
  expect(answer.status).toBe(400)
})

test('504 now, applied later', async () => {
  const before = entries()
  await fault({ kind: 'appliedLate', delayMs: 150 })
  expect((await write()).status).toBe(504)
  expect(entries()).toBe(before)
  await expect.poll(entries).toBe(before + 1)
})

test('a reset or a hanging connection applies nothing', async () => {
  const before = entries()
  await fault({ kind: 'reset' })
  await expect(write()).rejects.toThrow()
  await fault({ kind: 'hang' })
  await expect(write(300)).rejects.toThrow(/[Tt]imeout/)
  await fault({ kind: 'hang', delayMs: 50 })
  await expect(write()).rejects.toThrow()
  expect(entries()).toBe(before)
  await expect.poll(() => client.sandbox.world.queues.get('acme')?.running).toBe(0)
})

test('answers that are no answer: bad JSON, HTML, nothing, half, another body', async () => {
  await fault({ kind: 'badJson' })
  const bad = await write()
  expect(bad.status).toBe(201)
  expect(() => bad.json()).toThrow()
  await fault({ kind: 'html' })
  expect((await write()).headers['content-type']).toMatch(/text\/html/)
  await fault({ kind: 'empty' })
  const empty = await write()
  expect([empty.status, empty.text]).toEqual([201, ''])
  await fault({ kind: 'truncated' })
  await expect(write()).rejects.toThrow()
  await fault({ kind: 'body', status: 200, body: '{"success":true}', contentType: 'text/plain' })
  expect((await write()).json()).toEqual({ success: true })
})

test('slow and drip answer in the end', async () => {
  await fault({ kind: 'slow', delayMs: 120 })
  const started = performance.now()
  expect((await write()).status).toBe(201)
  expect(performance.now() - started).toBeGreaterThan(110)
  await fault({ kind: 'drip', bytesPerSecond: 2000 })
  expect((await write()).json().success).toBe(true)
  await fault({ route: 'me', kind: 'drip' })
  const headers = { 'x-api-key': 'vibe_api_sandbox_acme' }
  const dripping = await fetch(`${client.sandbox.url}/me`, { headers, signal: AbortSignal.timeout(1500) })
  expect(dripping.status).toBe(200)
  await expect(dripping.text()).rejects.toThrow()
})

test('faults meet by name, expression, portal, turn and probability, and are counted', async () => {
  const { id } = await client.control('POST', '/faults', {
    route: '^GET /v1/(leads|deals)$',
    kind: 'before',
    every: 3,
    skip: 1,
  })
  const statuses: number[] = []
  for (let index = 0; index < 7; index++)
    statuses.push((await client.ask('GET', index % 2 ? '/v1/leads' : '/v1/deals')).status)
  expect(statuses).toEqual([200, 200, 200, 502, 200, 200, 502])
  expect(await client.control('GET', '/faults')).toMatchObject([{ id, seen: 7, hits: 2 }])
  await client.control('DELETE', `/faults/${id}`)
  await client.control('POST', '/faults', { route: 'me', portal: 'elsewhere', kind: 'before' })
  expect((await client.ask('GET', '/v1/me')).status).toBe(200)
  const drawn = async () => {
    await client.control('DELETE', '/faults')
    await client.control('POST', '/faults', { route: 'me', kind: 'before', probability: 0.3, seed: 7 })
    const outcomes: number[] = []
    for (let index = 0; index < 60; index++) outcomes.push((await client.ask('GET', '/v1/me')).status)
    return outcomes
  }
  const first = await drawn()
  expect(await drawn()).toEqual(first)
  const hits = first.filter((status) => status === 502).length
  expect(hits).toBeGreaterThan(5)
  expect(hits).toBeLessThan(35)
  await expect(client.control('POST', '/faults', { route: 'me', kind: 'nothing' })).rejects.toThrow(/kind/)
  const record = (await client.control('GET', '/requests')).findLast(
    (one: { fault: string | null }) => one.fault !== null,
  )
  expect(record).toMatchObject({ fault: 'before', status: 502, route: 'me' })
})

test('a fault on the recording itself', async () => {
  const call = await client.sandbox.addCall({ portal: 'acme', toneText: 'x' })
  const { downloadUrl } = (await client.ask('GET', `/v1/files/${call.fileId}`)).json().data
  await client.control('POST', '/faults', { route: 'download', kind: 'html', times: 1 })
  expect((await client.ask('GET', downloadUrl, { key: null })).text).toMatch(/<html>/)
  await client.control('POST', '/faults', { route: 'files.download', kind: 'truncated', times: 1 })
  await expect(client.ask('GET', `/v1/files/${call.fileId}/download`)).rejects.toThrow()
})
