import { afterEach, expect, test } from 'vitest'
import { openSandbox, type SandboxClient } from '../support/sandbox-client.ts'

let client: SandboxClient | undefined
afterEach(async () => {
  await client?.stop()
  client = undefined
})

test('ten requests a second, then 429 with a reset in seconds; an early request is noted', async () => {
  let clock = 1_000_000_000_000
  client = await openSandbox({ limits: {}, now: () => clock })
  const statuses: number[] = []
  for (let index = 0; index < 11; index++) statuses.push((await client.ask('GET', '/v1/me')).status)
  expect(statuses).toEqual([...Array.from({ length: 10 }, () => 200), 429])
  clock += 500
  const refused = await client.ask('GET', '/v1/leads')
  expect(refused.headers).toMatchObject({
    'x-ratelimit-limit': '300',
    'x-ratelimit-remaining': '290',
    'x-ratelimit-reset': '1',
    'retry-after': '1',
  })
  expect(refused.json()).toMatchObject({ success: false, error: { code: 'RATE_LIMIT_EXCEEDED', retryAfter: 1 } })
  clock += 600
  expect((await client.ask('GET', '/v1/me')).status).toBe(200)
  expect(await client.control('GET', '/counters')).toMatchObject({ refused429: 2, requests: 13, duringWait: 0 })
  for (let index = 0; index < 12; index++) await client.ask('GET', '/v1/me')
  expect(await client.control('GET', '/counters')).toMatchObject({ duringWait: 2, duringWaitLate: 0 })
  clock += 900
  await client.ask('GET', '/v1/me')
  expect(await client.control('GET', '/counters')).toMatchObject({ duringWait: 3, duringWaitLate: 1 })
  const last = (await client.control('GET', '/requests?after=0')).at(-1)
  expect(last).toMatchObject({ route: 'me', path: '/v1/me', earlyMs: 100, sinceRefusalMs: 900 })
})

test('300 a minute; the window slides; every form of code, envelope and reset can be had', async () => {
  let clock = 1_000_000_000_000
  client = await openSandbox({ limits: { perSecond: 1000 }, now: () => clock })
  for (let index = 0; index < 300; index++) {
    clock += 100
    expect((await client.ask('GET', '/v1/me')).status).toBe(200)
  }
  const refused = await client.ask('GET', '/v1/me')
  expect([refused.status, refused.headers['x-ratelimit-reset'], refused.headers['x-ratelimit-remaining']]).toEqual([
    429,
    '31',
    '0',
  ])
  const body = { messages: [{ role: 'user', content: 'x' }] }
  await client.control('POST', '/switches', {
    portal: 'acme',
    sharedErrors: 'openai',
    rateLimitCode: 'RATE_LIMITED',
    resetForm: 'epoch',
  })
  const openai = await client.ask('POST', '/v1/chat/completions', { body })
  expect(openai.json()).toEqual({
    error: { message: 'Too many requests', type: 'invalid_request_error', code: 'rate_limited' },
  })
  expect(Number(openai.headers['x-ratelimit-reset'])).toBe(1_000_000_000 + 30 + 31)
  await client.control('POST', '/switches', { portal: 'acme', resetForm: 'none' })
  expect((await client.ask('GET', '/v1/me')).headers).not.toHaveProperty('x-ratelimit-reset')
  clock += 30_200
  expect((await client.ask('GET', '/v1/me')).status).toBe(200)
  await client.control('POST', '/switches', { portal: 'acme', rateHeaders: 'on429' })
  clock += 60_000
  expect((await client.ask('GET', '/v1/me')).headers).not.toHaveProperty('x-ratelimit-limit')
})

test('two requests of a portal run at once; the others wait their turn or get QUEUE_TIMEOUT; AI is not queued', async () => {
  client = await openSandbox({ limits: { scale: 1000, queueTimeoutMs: 300 } })
  const open = client
  await open.control('POST', '/faults', { route: 'leads.list', kind: 'slow', delayMs: 500, times: 2 })
  const slow = [open.ask('GET', '/v1/leads'), open.ask('GET', '/v1/leads')]
  await expect.poll(() => open.sandbox.world.queues.get('acme')?.running).toBe(2)
  const other = open.sandbox.addPortal({ name: 'other' })
  expect((await open.ask('GET', '/v1/leads', { key: other.key.value })).status).toBe(200)
  const body = { messages: [{ role: 'user', content: 'x' }] }
  expect((await open.ask('POST', '/v1/chat/completions', { body })).status).toBe(200)
  const late = await open.ask('GET', '/v1/deals')
  expect([late.status, late.json().error.code, late.json().error.retryAfter, late.headers['retry-after']]).toEqual([
    504,
    'QUEUE_TIMEOUT',
    10,
    '10',
  ])
  expect((await Promise.all(slow)).map((answer) => answer.status)).toEqual([200, 200])
  expect((await open.ask('GET', '/v1/deals')).status).toBe(200)
  expect(open.sandbox.world.queues.get('acme')?.running).toBe(0)
})

test('a request waiting in the queue is served when a slot is free', async () => {
  client = await openSandbox({ latencyMs: 30 })
  const open = client
  const all = await Promise.all(Array.from({ length: 12 }, () => open.ask('GET', '/v1/leads')))
  expect(all.every((answer) => answer.status === 200)).toBe(true)
  await open.control('POST', '/limits', { portalConcurrent: 12 })
  expect(open.sandbox.world.limits.portalConcurrent).toBe(12)
})

test('the breaker for a request that keeps failing, as 429 or 502', async () => {
  client = await openSandbox()
  const open = client
  await open.control('POST', '/switches', { portal: 'acme', errorLoopAfter: '3' })
  const ask = async () => (await open.ask('GET', '/v1/leads/1')).status
  expect([await ask(), await ask(), await ask(), await ask()]).toEqual([404, 404, 404, 429])
  expect((await open.ask('GET', '/v1/leads/1')).json().error).toMatchObject({
    code: 'ERROR_LOOP_DETECTED',
    retryAfter: 60,
  })
  await open.control('POST', '/switches', { portal: 'acme', errorLoopStatus: '502' })
  expect(await ask()).toBe(502)
  expect((await open.ask('GET', '/v1/leads')).status).toBe(200)
})
