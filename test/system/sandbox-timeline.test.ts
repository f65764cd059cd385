import { afterAll, beforeAll, expect, test } from 'vitest'
import { openSandbox, type SandboxClient } from '../support/sandbox-client.ts'

let client: SandboxClient
let dealId: number

beforeAll(async () => {
  client = await openSandbox()
  const call = await client.sandbox.addCall({ portal: 'acme', toneText: 'hello' })
  dealId = call.dealId ?? 0
})
afterAll(() => client.stop())

const entry = () => ({
  entityId: dealId,
  title: 'AI classification: high (88/100)',
  text: 'Legal entity. [b]50 users[/b]\nref: 1234abcd',
})
const post = (body: unknown) => client.ask('POST', '/v1/timeline-logs', { body })

test('an entry needs a title, a text and an owner that is there', async () => {
  const written = await post({ entityType: 'deal', entityTypeId: 2, ...entry() })
  expect(written.status).toBe(201)
  expect(written.json().data).toMatchObject({
    title: entry().title,
    text: entry().text,
    iconCode: '',
    author: 'created by SANDBOX',
  })
  expect((await client.ask('GET', `/v1/timeline-logs/${written.json().data.id}`)).json().data.text).toBe(entry().text)
  for (const missing of [{ title: '' }, { text: undefined }, { entityId: 0 }]) {
    const refused = await post({ entityTypeId: 2, ...entry(), ...missing })
    expect([refused.status, refused.json().error.code]).toEqual([400, 'INVALID_PARAMS'])
  }
  expect((await post({ entityTypeId: 2, ...entry(), entityId: 99_999 })).json().error.code).toBe('ENTITY_NOT_FOUND')
  await client.control('POST', '/forbidden', { portal: 'acme', entityTypeId: 2, entityId: dealId })
  expect((await post({ entityTypeId: 2, ...entry() })).json().error.code).toBe('BITRIX_ACCESS_DENIED')
  await client.control('POST', '/forbidden', { portal: 'acme', entityTypeId: 2, entityId: dealId, forbidden: false })
  expect(client.sandbox.effects(0, 'timeline-log')).toHaveLength(1)
})

test('the owner is named by entityType, by entityTypeId or by either, by switch; lists are not concerned', async () => {
  const tried = async () => {
    const statuses: number[] = []
    for (const owner of [{ entityType: 'deal' }, { entityTypeId: 2 }, { entityType: 'deal', entityTypeId: 2 }]) {
      statuses.push((await post({ ...owner, ...entry() })).status)
    }
    return statuses
  }
  expect(await tried()).toEqual([201, 201, 201])
  await client.control('POST', '/switches', { portal: 'acme', timelineEntity: 'entityTypeId' })
  expect(await tried()).toEqual([400, 201, 400])
  expect((await post({ entityType: 'deal', ...entry() })).json().error.message).toMatch(/entityType\b/)
  await client.control('POST', '/switches', { portal: 'acme', timelineEntity: 'entityType' })
  expect(await tried()).toEqual([201, 400, 400])
  expect((await client.ask('GET', `/v1/timeline-logs?entityTypeId=2&entityId=${dealId}`)).status).toBe(200)
  await client.control('POST', '/switches', { portal: 'acme', timelineEntity: 'both' })
})

test('entries are listed by ten, newest first, and only those of their owner', async () => {
  const other = await client.sandbox.addCall({ portal: 'acme', toneText: 'other' })
  for (let index = 0; index < 23; index++) {
    await post({ entityTypeId: 2, entityId: other.dealId, title: `t${index}`, text: 'x' })
  }
  const page = async (start: number, more = '') =>
    (await client.ask('GET', `/v1/timeline-logs?entityTypeId=2&entityId=${other.dealId}&start=${start}${more}`)).json()
  const titles = (answer: { data: { title: string }[] }) => answer.data.map((row) => row.title)
  expect(titles(await page(0))).toEqual(['t22', 't21', 't20', 't19', 't18', 't17', 't16', 't15', 't14', 't13'])
  const last = await page(20)
  expect([titles(last), last.meta]).toEqual([['t2', 't1', 't0'], { total: 23, hasMore: false }])
  expect(titles(await page(20, '&order[id]=asc'))).toEqual(['t20', 't21', 't22'])
  expect((await client.ask('GET', '/v1/timeline-logs?entityTypeId=2')).status).toBe(400)
  expect(await client.control('GET', '/portals/acme/timeline')).toHaveLength(
    client.sandbox.effects(0, 'timeline-log').length,
  )
})

test('an entry is permanent; its note and its pin are not', async () => {
  const { id } = (await post({ entityTypeId: 2, ...entry() })).json().data
  const refused = await client.ask('DELETE', `/v1/timeline-logs/${id}`)
  expect([refused.status, refused.json().error.code]).toEqual([403, 'CROSS_APP_DELETE_FORBIDDEN'])
  expect((await client.ask('GET', `/v1/timeline-logs/${id}`)).status).toBe(200)
  const note = `/v1/timeline-logs/${id}/note`
  expect((await client.ask('GET', note)).json().error.code).toBe('NOTE_NOT_FOUND')
  expect((await client.ask('POST', note, { body: { text: 'seen' } })).status).toBe(200)
  expect((await client.ask('GET', note)).json().data.text).toBe('seen')
  expect((await client.ask('DELETE', note)).status).toBe(204)
  expect((await client.ask('POST', `/v1/timeline-logs/${id}/pin`)).json().data.pinned).toBe(true)
  expect((await client.ask('POST', `/v1/timeline-logs/${id}/unpin`)).json().data.pinned).toBe(false)
  expect((await client.ask('GET', `/v1/timeline-logs/${id}/bindings`)).json().data).toEqual([
    { entityTypeId: 2, entityId: dealId },
  ])
  expect((await client.ask('GET', '/v1/timeline-logs/1')).status).toBe(404)
})

test('effects carry portal, key and request id, and are read from any number on', async () => {
  const { length } = client.sandbox.effects()
  const answer = await post({ entityTypeId: 2, ...entry() })
  const [effect, ...rest] = await client.control('GET', `/effects?after=${length}&kind=timeline-log&portal=acme`)
  expect(rest).toEqual([])
  expect(effect).toMatchObject({
    seq: length + 1,
    portal: 'acme',
    key: 'vibe_api_sandbox_acme',
    requestId: answer.headers['x-request-id'],
    detail: { entityTypeId: 2, entityId: dealId, title: entry().title },
  })
})
