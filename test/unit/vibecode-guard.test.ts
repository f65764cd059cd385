import { createServer } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Blocked, Later } from '../../src/errors.ts'
import type { Vibecode } from '../../src/vibecode/client.ts'
import { createConnections } from '../../src/vibecode/connections.ts'
import { failureOf, isInDoubt } from '../../src/vibecode/failure-error.ts'
import { recordingGuard, shortDurations } from '../fixtures/vibecode/guard.ts'
import { sendJson, startUpstream, type Upstream } from '../fixtures/vibecode/upstream.ts'

let upstream: Upstream
const clients: Vibecode[] = []
const deal = { success: true, data: { id: 7, title: 'Deal' } }
const entry = { entityTypeId: 2, entityId: 1234, title: 't', text: 'x' }

beforeEach(async () => {
  upstream = await startUpstream()
})
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()))
  await upstream.close()
})

function client(gate: ReturnType<typeof recordingGuard>, options = {}): Vibecode {
  const made = upstream.client({ guard: gate.guard, ...options })
  clients.push(made)
  return made
}

async function caught(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    () => expect.fail('it was to fail'),
    (error: Error) => error,
  )
}

function expectReturned(gate: ReturnType<typeof recordingGuard>): void {
  expect(gate.held()).toBe(0)
  expect(gate.leaves.every((count) => count === 1)).toBe(true)
}

it('sends nothing when the permit has lapsed, enters again and then sends once', async () => {
  upstream.answerWith([200, deal])
  const gate = recordingGuard()
  gate.stale(4)
  expect(await client(gate).crm.getDeal(7)).toMatchObject({ id: 7 })
  expect(gate.plans).toHaveLength(5)
  expect(upstream.started()).toBe(1)
  expectReturned(gate)
})

it('gives up after five lapsed permits with nothing sent, also for writes on fresh connections and streamed bodies', async () => {
  for (const call of [
    (vibecode: Vibecode) => vibecode.crm.getDeal(7),
    (vibecode: Vibecode) => vibecode.timeline.create(entry),
    (vibecode: Vibecode) => vibecode.transcribe({ file: Buffer.alloc(100_000), filename: 'a.mp3' }),
    (vibecode: Vibecode) => vibecode.files.open(3),
  ]) {
    const gate = recordingGuard()
    gate.stale(99)
    const error = await caught(call(client(gate)))
    expect(error).toBeInstanceOf(Later)
    expect(error).toMatchObject({ class: 'permit_lapsed' })
    expect(isInDoubt(error)).toBe(false)
    expect(gate.plans).toHaveLength(5)
    expectReturned(gate)
  }
  expect(upstream.started()).toBe(0)
})

it('passes on what else the guard throws before sending, with nothing sent', async () => {
  const blocked = new Blocked('gate-1', 'invalid_api_key', { message: 'closed' })
  const closed = recordingGuard({
    assertFresh: () => {
      throw blocked
    },
  })
  expect(await caught(client(closed).timeline.create(entry))).toBe(blocked)
  expectReturned(closed)
  const lost = new Error('the fence was lost')
  const fenceless = recordingGuard({
    assertFresh: () => {
      throw lost
    },
  })
  expect(await caught(client(fenceless).chat.complete({ messages: [] }))).toBe(lost)
  expectReturned(fenceless)
  const refusing = recordingGuard({
    enter: () => {
      throw blocked
    },
  })
  expect(await caught(client(refusing).me())).toBe(blocked)
  expect(upstream.started()).toBe(0)
})

it('asks for freshness only when the bytes leave: not while the connection is still being made', async () => {
  const order: string[] = []
  const gate = recordingGuard({ assertFresh: () => order.push('fresh') })
  upstream.answer((_request, response) => {
    order.push('arrived')
    sendJson(response, 200, deal)
  })
  await client(gate).crm.getDeal(7)
  expect(order).toEqual(['fresh', 'arrived'])
  expect(gate.asserted()).toBe(1)
})

it('hands each permit back once with status, headers and failure, and lets the guard have the last word', async () => {
  upstream.answerWith([401, { error: { message: 'no', code: 'invalid_api_key' } }])
  const gate = recordingGuard()
  const plain = await caught(client(gate).me())
  expect(plain).toMatchObject({
    name: 'Permanent',
    policy: 'fix',
    class: 'invalid_api_key',
    requestId: 'req-9',
    code: 'invalid_api_key',
    httpStatus: 401,
  })
  expect(gate.reports).toHaveLength(1)
  expect(gate.reports[0]).toMatchObject({
    status: 401,
    failure: { class: 'invalid_api_key', scope: 'family', needsPerson: true },
  })
  expect(gate.reports[0]?.headers?.['x-request-id']).toBe('req-9')
  expectReturned(gate)
  const blocked = new Blocked('gate-1', 'invalid_api_key', { message: 'closed' })
  const closing = recordingGuard({
    leave: () => {
      throw blocked
    },
  })
  expect(await caught(client(closing).me())).toBe(blocked)
  expectReturned(closing)
})

it('loses neither a result nor a doubt to a guard that fails', async () => {
  const broken = recordingGuard({
    leave: () => {
      throw new Blocked('gate-1', 'rate_limited', { message: 'closed' })
    },
  })
  upstream.answerWith([201, { success: true, data: { id: 5 } }])
  expect(await client(broken).timeline.create(entry)).toMatchObject({ id: 5 })
  upstream.answerWith([504, {}])
  const error = await caught(client(broken).timeline.create(entry))
  expect(isInDoubt(error)).toBe(true)
  expectReturned(broken)
})

it('holds no permit between quick repetitions', async () => {
  const gate = recordingGuard()
  const heldAtEntry: number[] = []
  upstream.answer((_request, response, index) => {
    heldAtEntry.push(gate.held())
    if (index < 2) sendJson(response, 502, {})
    else sendJson(response, 200, deal)
  })
  await client(gate).crm.getDeal(7)
  expect(heldAtEntry).toEqual([1, 1, 1])
  expect(gate.leaves).toEqual([1, 1, 1])
})

it('holds the permit of a file until its last byte, and only one at a time', async () => {
  const gate = recordingGuard()
  let finish: () => void = () => undefined
  upstream.answer((_request, response) => {
    response.writeHead(200, { 'content-type': 'audio/mpeg', 'content-length': '6' })
    response.write('abc')
    finish = () => response.end('def')
  })
  const file = await client(gate).files.open(3)
  expect(file).toMatchObject({ contentType: 'audio/mpeg', bytes: 6 })
  expect(gate.plans).toEqual([{ family: 'portal', bytes: true }])
  expect(gate.held()).toBe(1)
  finish()
  expect(await text(file.stream)).toBe('abcdef')
  await vi.waitFor(() => expectReturned(gate))
})

it('hands the permit of a file back when it is dropped, reset or refused', async () => {
  const gate = recordingGuard()
  upstream.answer((_request, response) => {
    response.writeHead(200, { 'content-type': 'audio/mpeg' })
    response.write('abc')
  })
  const dropped = await client(gate).files.open(3)
  dropped.stream.destroy()
  await vi.waitFor(() => expect(gate.leaves).toEqual([1]))
  upstream.answer((_request, response) => {
    response.writeHead(200, { 'content-length': '100' })
    response.write('abc', () => response.destroy())
  })
  const reset = await client(gate).files.open(3)
  await expect(text(reset.stream)).rejects.toThrow()
  await vi.waitFor(() => expect(gate.leaves).toEqual([1, 1]))
  upstream.answerWith([404, { success: false, error: { code: 'NOT_FOUND' } }])
  expect(failureOf(await caught(client(gate).files.open(3)))).toMatchObject({ class: 'not_found' })
  expectReturned(gate)
})

it('keeps to the deadline when the host takes connections and says nothing, and knows whether bytes had left', async () => {
  const silent = createServer((socket) => socket.resume().on('error', () => undefined))
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const address = silent.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const gate = recordingGuard()
  const durations = { ...shortDurations, writeMs: 60 }
  const slow = client(gate, { baseUrl: `http://127.0.0.1:${port}/v1`, durations })
  const sent = await caught(slow.timeline.create(entry))
  expect(sent).toMatchObject({ name: 'Retry', class: 'timeout' })
  expect(isInDoubt(sent)).toBe(true)
  await new Promise((resolve) => silent.close(resolve))
  const refused = await caught(slow.timeline.create(entry))
  expect(refused).toMatchObject({ name: 'Retry', class: 'network' })
  expect(isInDoubt(refused)).toBe(false)
  expectReturned(gate)
})

it('gives up a request that still waits for a connection, without asking for freshness or sending it later', async () => {
  const gate = recordingGuard()
  const connections = createConnections({ baseUrl: upstream.baseUrl, maxConnections: 1 })
  const waiting = client(gate, { connections, durations: { ...shortDurations, requestMs: 50 } })
  let release: () => void = () => undefined
  upstream.answer((_request, response) => {
    release = () => response.end('abc')
  })
  const file = waiting.files.open(3)
  await vi.waitFor(() => expect(upstream.started()).toBe(1))
  const error = await caught(waiting.me())
  expect(error).toMatchObject({ name: 'Retry', class: 'timeout' })
  expect(isInDoubt(error)).toBe(false)
  release()
  expect(await text((await file).stream)).toBe('abc')
  await vi.waitFor(() => expectReturned(gate))
  await connections.close()
  expect(upstream.started()).toBe(1)
  expect(gate.asserted()).toBe(1)
})

it('breaks off for the caller, hands the permit back, and does not repeat', async () => {
  const gate = recordingGuard()
  const stop = new AbortController()
  upstream.answer(() => stop.abort())
  const error = await caught(client(gate).with({ signal: stop.signal }).crm.getDeal(7))
  expect(error).toMatchObject({ name: 'Retry', class: 'aborted' })
  expect(upstream.started()).toBe(1)
  expectReturned(gate)
})
