import { randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import { request } from 'undici'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { holdFolder, type Owner } from '../../src/db/owner-lock.ts'
import { openSession } from '../../src/db/sessions.ts'
import { saveUser } from '../../src/db/users.ts'
import { createRegistry } from '../../src/engine/registry.ts'
import { createHttpServer, type HttpServer } from '../../src/http/server.ts'
import { findOperation } from '../../src/ops/index.ts'
import { runOperation } from '../../src/ops/operation.ts'
import { registry } from '../../workers/index.ts'
import { launch } from '../support/launch.ts'
import { type Program, startProgram } from '../support/program.ts'
import { tidyDeals } from '../support/tidy-deals.ts'

let on: Program
let server: HttpServer
let owner: Owner
let cookie: string
const token = randomBytes(16).toString('hex')

beforeAll(async () => {
  // Its one line: what stands in workers/index.ts for the others.
  const withSeventh = createRegistry([...registry.workflows, tidyDeals])
  on = await startProgram({ registry: withSeventh, timings: { scheduleTickMs: 50, dispatchTickMs: 100 } })
  server = await createHttpServer(on.app, { host: '127.0.0.1', port: 0, localToken: token })
  const held = await holdFolder(on.app.config.dataDir)
  if (held.kind !== 'owner') throw new Error('the folder of the test is held by somebody else')
  owner = held
  owner.publish(server.url, token)
  const { id } = await saveUser(on.app.db, 'operator-of-the-test', 'operator')
  const secret = randomBytes(32).toString('base64url')
  await openSession(on.app.db, id, secret)
  cookie = `__Host-callsift=${secret}`
})
afterAll(async () => {
  await owner.release()
  await server.close()
  await on.close()
})

async function ask<Value>(name: string, input: Record<string, unknown>): Promise<Value> {
  const operation = findOperation(name)
  if (operation === undefined) throw new Error(`no operation ${name}`)
  return (await runOperation(on.app, operation, input, { actor: 'test', role: 'admin' })) as Value
}

async function page(path: string, method: 'GET' | 'POST' = 'GET'): Promise<string> {
  const headers = { cookie, 'accept-language': 'ru', 'sec-fetch-site': 'same-origin' }
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  const answer = await request(`${server.url}${path}`, {
    method,
    headers: method === 'POST' ? { ...headers, ...form } : headers,
    body: method === 'POST' ? '' : null,
  })
  const text = await answer.body.text()
  expect([path, answer.statusCode]).toEqual([path, method === 'POST' ? 303 : 200])
  return text
}

const deals = (count: number) =>
  Array.from({ length: count }, (_, n) => {
    const portal = on.sandbox.world.portal('acme')
    const id = portal.nextId()
    portal.entities.deals.set(id, { id, title: n === 0 ? '' : `Deal ${n}` })
    return id
  })
const show = (id: string) => ask<{ state: string; paused: boolean; report: unknown }>('batch.show', { id })
const open = async () => (await ask<{ batches: { id: string; workflow: string }[] }>('status', {})).batches

test('a seventh workflow is one file and one line: all else comes of that', { timeout: 60_000 }, async () => {
  const ids = deals(3)
  const args = ['batch', 'start', 'tidy-deals', `ids=${JSON.stringify(ids)}`, '--json']
  const started = launch(args, { CALLSIFT_DATA: on.app.config.dataDir })
  expect(await started.ended).toMatchObject({ code: 0 })
  const { id } = JSON.parse(started.said()) as { id: string }
  await on.until(async () => (await show(id)).report)
  expect((await show(id)).report).toEqual({ deals: 3, untitled: ids.slice(0, 1) })
  await expect(ask('batch.start', { workflow: 'tidy-deals', portalId: 'acme', input: {} })).rejects.toMatchObject({
    kind: 'invalid_input',
  })

  on.sandbox.addFault({ route: 'deals.get', kind: 'slow', delayMs: 300 })
  const [input, calls] = [{ ids: deals(40) }, await ask<{ runs: object }>('status', {})]
  const slow = await ask<{ id: string }>('batch.start', { workflow: 'tidy-deals', portalId: 'acme', input })
  expect(await open()).toMatchObject([{ id: slow.id, workflow: 'tidy-deals' }])
  expect((await ask<{ runs: object }>('status', {})).runs).toEqual(calls.runs)
  await page(`/batches/${slow.id}/pause`, 'POST')
  const paused = await page('/batches')
  expect(paused).toContain('tidy-deals')
  expect(paused).toContain('на паузе')
  expect(await show(slow.id)).toMatchObject({ state: 'running', paused: true })
  await page(`/batches/${slow.id}/resume`, 'POST')
  expect((await show(slow.id)).paused).toBe(false)
  await page(`/batches/${slow.id}/cancel`, 'POST')
  expect((await show(slow.id)).state).toBe('cancelled')
  expect(await open()).toEqual([])

  on.sandbox.clearFaults()
  await ask('schedule.add', {
    name: 'tidy',
    workflow: 'tidy-deals',
    portalId: 'acme',
    cron: '0 4 * * *',
    input: { ids },
  })
  await sql`update callsift.schedules set due_at = clock_timestamp() - interval '1 minute'`.execute(on.app.db)
  await on.until(async () => {
    const { batches } = await ask<{ batches: { key: string; state: string }[] }>('batch.list', {})
    return batches.some((one) => one.key.startsWith('acme tidy ') && one.state === 'done')
  })
  expect(await page('/batches')).toContain('0 4 * * *')
})
