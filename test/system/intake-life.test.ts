import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { request } from 'undici'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createHttpServer, type HttpServer } from '../../src/http/server.ts'
import { type Program, startProgram } from '../support/program.ts'

/** What a hostile or clumsy event becomes when it goes all the way: over a socket, through the queue, to the entry. */
let program: Program
let server: HttpServer
let canary: Server
let touched = 0

beforeAll(async () => {
  program = await startProgram()
  server = await createHttpServer(program.app, { host: '127.0.0.1', port: 0 })
  canary = createServer((_request, response) => {
    touched += 1
    response.end()
  })
  canary.on('connection', () => {
    touched += 1
  })
  await new Promise<void>((resolve) => canary.listen(0, '127.0.0.1', resolve))
})
afterAll(async () => {
  await server?.close()
  await program?.close()
  canary?.close()
})

async function ring(callId: string): Promise<{ form: string; dealId: number | null }> {
  const [recording] = await program.sandbox.world.sound.recordings()
  const call = await program.sandbox.addCall({
    portal: 'acme',
    recordingId: recording?.id ?? '',
    entity: 'deal',
    sendEvent: false,
    callId,
  })
  return { form: call.eventForm, dealId: call.dealId }
}

async function post(form: string): Promise<number> {
  const answer = await request(`${server.url}/webhooks/bitrix24`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: form,
  })
  await answer.body.dump()
  return answer.statusCode
}

/** How many entries stand at the call's deal, once its run has ended. */
async function entriesOf(callId: string, dealId: number | null): Promise<number> {
  await program.until(async () => {
    const rows = await program.app.db
      .selectFrom('callsift.runs as r')
      .innerJoin('callsift.calls as c', 'c.run_id', 'r.id')
      .select('r.state')
      .where('c.call_ref', '=', callId)
      .execute()
    expect(rows.length).toBeLessThanOrEqual(1)
    return rows[0]?.state === 'done'
  })
  const entries = program.sandbox.effects(0, 'timeline-log')
  return entries.filter((entry) => entry.detail['entityId'] === dealId).length
}

test.each(['a:b', '123', '0', '0:x', 'with space', '\u202Ertl', '📞'])(
  'W24 CALL_ID %j goes through the queue, which takes no such names, to one entry',
  async (callId) => {
    const { form, dealId } = await ring(callId)
    expect(await post(form)).toBe(200)
    expect(await entriesOf(callId, dealId)).toBe(1)
  },
)

test('W30 one event a hundred times at once is one entry', async () => {
  const { form, dealId } = await ring('w30-life')
  const answers = await Promise.all(Array.from({ length: 100 }, () => post(form)))
  expect(answers).toEqual(Array(100).fill(200))
  expect(await entriesOf('w30-life', dealId)).toBe(1)
})

test('W29 addresses that an event names are never dialled, and change nothing of the portal', async () => {
  const rung = await ring('w29-life')
  const form = new URLSearchParams(rung.form)
  const address = `127.0.0.1:${(canary.address() as AddressInfo).port}`
  form.set('auth[domain]', address)
  form.set('auth[client_endpoint]', `http://${address}/rest/`)
  form.set('auth[server_endpoint]', `http://${address}/rest/`)
  const portal = () =>
    program.app.db
      .selectFrom('callsift.portals')
      .select(['domain', 'base_url'])
      .where('id', '=', 'acme')
      .executeTakeFirstOrThrow()
  const before = await portal()
  expect(await post(form.toString())).toBe(200)
  expect(await entriesOf('w29-life', rung.dealId)).toBe(1)
  expect(await portal()).toEqual(before)
  expect(touched).toBe(0)
})
