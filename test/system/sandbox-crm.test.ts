import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openSandbox, type SandboxClient } from '../support/sandbox-client.ts'

let client: SandboxClient
const { ask, control } = {
  ask: (...given: Parameters<SandboxClient['ask']>) => client.ask(...given),
  control: (method: string, path: string, body?: unknown) => client.control(method, path, body),
}

beforeAll(async () => {
  client = await openSandbox()
})
afterAll(() => client.stop())

describe('the key and what it may do', () => {
  test('me says what it is, that it is a sandbox, and the limits', async () => {
    const answer = await ask('GET', '/v1/me')
    expect(answer.headers['x-sandbox']).toBe('callsift')
    expect(answer.headers['x-request-id']).toMatch(/^sandbox-/)
    expect(answer.json()).toMatchObject({
      success: true,
      data: { type: 'personal', sandbox: true, portal: { domain: 'acme.sandbox.invalid', name: 'SANDBOX acme' } },
    })
  })

  test('a key comes in X-Api-Key or as Bearer; none, a wrong one, a revoked and an expired one get 401', async () => {
    const bearer = { authorization: 'Bearer vibe_api_sandbox_acme' }
    expect((await ask('GET', '/v1/me', { key: null, headers: bearer })).status).toBe(200)
    const code = async (key: string | null) => {
      const answer = await ask('GET', '/v1/me', { key })
      return [answer.status, answer.json().error.code]
    }
    expect(await code(null)).toEqual([401, 'MISSING_API_KEY'])
    expect(await code('vibe_api_none')).toEqual([401, 'INVALID_API_KEY'])
    await control('POST', '/keys', { apiKey: 'vibe_api_second', portal: 'acme', state: 'revoked' })
    expect(await code('vibe_api_second')).toEqual([401, 'INVALID_API_KEY'])
    await control('POST', '/switches', { portal: 'acme', revokedCode: 'KEY_INACTIVE' })
    expect(await code('vibe_api_second')).toEqual([401, 'KEY_INACTIVE'])
    await control('POST', '/keys', { apiKey: 'vibe_api_second', state: 'expired' })
    expect(await code('vibe_api_second')).toEqual([401, 'KEY_EXPIRED'])
    await control('POST', '/keys', { apiKey: 'vibe_api_second', state: 'active', scopes: ['disk'], readOnly: true })
    expect((await ask('GET', '/v1/leads', { key: 'vibe_api_second' })).json().error.code).toBe('SCOPE_DENIED')
    await control('POST', '/keys', { apiKey: 'vibe_api_second', scopes: ['crm', 'vibe:ai'] })
    const write = await ask('POST', '/v1/leads', { key: 'vibe_api_second', body: { title: 'x' } })
    expect(write.json().error.code).toBe('WRITE_BLOCKED_READONLY_KEY')
    expect((await ask('POST', '/v1/leads/search', { key: 'vibe_api_second', body: {} })).status).toBe(200)
  })

  test('the scope of call routes is telephony or call, by switch', async () => {
    await control('POST', '/keys', { apiKey: 'vibe_api_third', portal: 'acme', scopes: ['telephony'] })
    const status = async () => (await ask('GET', '/v1/calls/statistics', { key: 'vibe_api_third' })).status
    expect(await status()).toBe(200)
    await control('POST', '/switches', { portal: 'acme', callScope: 'call' })
    expect(await status()).toBe(403)
    await control('POST', '/switches', { portal: 'acme', callScope: 'telephony' })
  })

  test('routes, codes and bodies that do not exist', async () => {
    expect((await ask('GET', '/v1/nothing')).json().error.code).toBe('NOT_FOUND')
    expect((await ask('POST', '/v1/leads', { raw: '{', headers: { 'content-type': 'application/json' } })).status).toBe(
      400,
    )
    await expect(control('POST', '/switches', { portal: 'acme', timeFields: 'never' })).rejects.toThrow(/takes/)
    await expect(control('POST', '/switches', { portal: 'acme', nothing: 'x' })).rejects.toThrow(/no switch/)
    expect((await control('GET', '/switches')).timelineEntity).toEqual(['both', 'entityTypeId', 'entityType'])
  })
})

describe('entities', () => {
  test('create, get, change, list and delete, each as documented', async () => {
    const created = await ask('POST', '/v1/leads', {
      body: { title: 'Call-back', statusId: 'NEW', name: 'Ира', strange: 1 },
    })
    expect(created.status).toBe(201)
    const { id } = created.json().data
    expect(created.json().data).not.toHaveProperty('strange')
    const changed = await ask('PATCH', `/v1/leads/${id}`, { body: { UF_CRM_AI_SCORE: 88, UF_CRM_AI_QUALITY: 'high' } })
    expect(changed.json().data).toMatchObject({ id, title: 'Call-back', UF_CRM_AI_SCORE: 88 })
    const listed = await ask('GET', '/v1/leads?limit=50&filter[statusId]=NEW&select=id,title&order[createdTime]=asc')
    expect(listed.json()).toEqual({
      success: true,
      data: [{ id, title: 'Call-back' }],
      meta: { total: 1, hasMore: false },
    })
    expect((await ask('GET', `/v1/leads/${id}`)).json().data.UF_CRM_AI_QUALITY).toBe('high')
    const removed = await ask('DELETE', `/v1/leads/${id}`)
    expect([removed.status, removed.text]).toEqual([204, ''])
    expect((await ask('GET', `/v1/leads/${id}`)).json().error.code).toBe('ENTITY_NOT_FOUND')
    const kinds = client.sandbox.effects().map((effect) => `${effect.kind} ${effect.detail['entity']}`)
    expect(kinds).toEqual(['create leads', 'update leads', 'delete leads'])
  })

  test('the three filter dialects agree, and unknown fields are refused', async () => {
    for (const price of [1, 5, 9]) await ask('POST', '/v1/products', { body: { name: `Товар ${price}`, price } })
    const found = async (filter: unknown) => {
      const answer = await ask('POST', '/v1/products/search', { body: { filter, sort: '-price' } })
      return answer.json().data.map((row: { price: number }) => row.price)
    }
    expect(await found({ price: { $gte: 5 } })).toEqual([9, 5])
    expect(await found({ '>=price': 5 })).toEqual([9, 5])
    expect(await found({ price: { '>=': 5, $lt: 9 } })).toEqual([5])
    expect(await found({ price: { $in: [1, 9] } })).toEqual([9, 1])
    expect(await found({ '!price': 5 })).toEqual([9, 1])
    expect(await found({ '%name': 'товар 5' })).toEqual([5])
    expect((await ask('GET', '/v1/products?filter[price][$gt]=4&limit=1')).json().meta).toEqual({
      total: 2,
      hasMore: true,
    })
    expect((await ask('GET', '/v1/products?filter[colour]=red')).json().error.code).toBe('INVALID_FILTER_FIELD')
    expect((await ask('GET', '/v1/products?order[colour]=asc')).json().error.code).toBe('UNKNOWN_SORT_FIELD')
    expect((await ask('GET', '/v1/products?limit=5001')).json().error.code).toBe('INVALID_PARAMS')
    expect((await ask('POST', '/v1/products/search', { body: { sort: 7 } })).json().error.code).toBe(
      'INVALID_SORT_TYPE',
    )
  })

  test('a search over more than 14 days takes no offset unless its windows are off', async () => {
    const filter = { '>createdTime': '2020-01-01T00:00:00Z' }
    const windowed = await ask('POST', '/v1/products/search', { body: { filter, offset: 1 } })
    expect(windowed.json().error.code).toBe('UNSTABLE_OFFSET_PAGINATION')
    const manual = await ask('POST', '/v1/products/search', {
      body: { filter, offset: 1, autoWindow: false, sort: 'id' },
    })
    expect(manual.json().data).toHaveLength(2)
  })

  test('time fields, totals and the case of codes follow their switches', async () => {
    await ask('POST', '/v1/companies', { body: { title: 'Вектор' } })
    await control('POST', '/switches', { portal: 'acme', timeFields: 'createdAt', total: 'top' })
    const renamed = (await ask('GET', '/v1/companies')).json()
    expect(renamed.data[0]).toHaveProperty('createdAt')
    expect(renamed).toMatchObject({ total: 1, meta: { hasMore: false } })
    expect(renamed.meta).not.toHaveProperty('total')
    expect((await ask('GET', '/v1/companies?order[createdTime]=asc')).status).toBe(400)
    await control('POST', '/switches', { portal: 'acme', timeFields: 'createdTime', total: 'both', codeCase: 'lower' })
    expect((await ask('GET', '/v1/companies')).json()).toMatchObject({ total: 1, meta: { total: 1 } })
    expect((await ask('GET', '/v1/companies/1')).json().error.code).toBe('entity_not_found')
    await control('POST', '/switches', { portal: 'acme', total: 'meta', codeCase: 'documented' })
  })

  test('user fields: made once, shown among the fields; undeclared ones can be dropped in silence', async () => {
    const body = { userTypeId: 'integer', fieldName: 'AI_RANK', label: 'Rank' }
    expect((await ask('POST', '/v1/userfields/deals', { body })).json().data.fieldName).toBe('UF_CRM_AI_RANK')
    expect((await ask('POST', '/v1/userfields/deals', { body })).json().error.code).toBe('ALREADY_EXISTS')
    expect((await ask('GET', '/v1/userfields/deals')).json().data).toHaveLength(1)
    expect((await ask('GET', '/v1/deals/fields')).json().data.fields.UF_CRM_AI_RANK).toMatchObject({ type: 'integer' })
    expect((await ask('GET', '/v1/leads/fields')).json().data.fields.createdTime).toMatchObject({ isReadOnly: true })
    await control('POST', '/switches', { portal: 'acme', userFields: 'declared' })
    const fields = { title: 'd', UF_CRM_AI_RANK: 1, UF_CRM_OTHER: 2 }
    const deal = (await ask('POST', '/v1/deals', { body: fields })).json().data
    expect([deal.UF_CRM_AI_RANK, deal.UF_CRM_OTHER]).toEqual([1, undefined])
    await control('POST', '/switches', { portal: 'acme', userFields: 'open' })
    expect((await ask('GET', '/v1/userfields/products')).status).toBe(404)
  })

  test('a deal brings its contact along, a forbidden one answers 403', async () => {
    const contact = (await ask('POST', '/v1/contacts', { body: { name: 'Ира' } })).json().data
    const deal = (await ask('POST', '/v1/deals', { body: { title: 'd', contactId: contact.id } })).json().data
    const read = await ask('GET', `/v1/deals/${deal.id}?include=contact,company`)
    expect(read.json().data._included).toMatchObject({ contact: { name: 'Ира' }, company: null })
    await control('POST', '/forbidden', { portal: 'acme', entityTypeId: 2, entityId: deal.id })
    for (const method of ['GET', 'PATCH', 'DELETE']) {
      const answer = await ask(method, `/v1/deals/${deal.id}`, method === 'PATCH' ? { body: { title: 'e' } } : {})
      expect([answer.status, answer.json().error.code]).toEqual([403, 'BITRIX_ACCESS_DENIED'])
    }
    await control('POST', '/forbidden', { portal: 'acme', entityTypeId: 2, entityId: deal.id, forbidden: false })
    expect((await ask('GET', `/v1/deals/${deal.id}`)).status).toBe(200)
    expect((await ask('GET', '/v1/users')).json().data).toHaveLength(2)
  })
})

describe('comments, bots and batches', () => {
  test('comments name their entity by a word, and can be changed and deleted', async () => {
    const { id: entityId } = (await ask('POST', '/v1/deals', { body: { title: 'commented' } })).json().data
    const numeric = await ask('POST', '/v1/timelines', { body: { entityType: 2, entityId, comment: 'x' } })
    expect(numeric.json().error.code).toBe('INVALID_PARAMS')
    const { id } = (await ask('POST', '/v1/timelines', { body: { entityType: 'deal', entityId, comment: 'x' } })).json()
      .data
    expect((await ask('PATCH', `/v1/timelines/${id}`, { body: { comment: 'y' } })).json().data.comment).toBe('y')
    expect((await ask('GET', '/v1/timelines?filter[entityType]=deal')).json().error.code).toBe(
      'MISSING_REQUIRED_FILTER',
    )
    const listed = await ask('GET', `/v1/timelines?filter[entityType]=deal&filter[entityId]=${entityId}`)
    expect(listed.json().data).toMatchObject([{ id, comment: 'y' }])
    expect((await ask('DELETE', `/v1/timelines/${id}`)).status).toBe(204)
    expect((await ask('GET', `/v1/timelines/${id}`)).status).toBe(404)
  })

  test('a bot is made once, its events are read from the stored offset, its messages are effects', async () => {
    const body = { code: 'sift', name: 'Sift', type: 'bot', eventMode: 'fetch' }
    const { botId: id } = (await ask('POST', '/v1/bots', { body })).json().data
    expect((await ask('POST', '/v1/bots', { body })).json()).toMatchObject({
      error: { code: 'BOT_ALREADY_EXISTS' },
      data: { botId: id },
    })
    expect((await ask('GET', '/v1/bots')).json().data).toHaveLength(1)
    for (const word of ['a', 'b', 'c'])
      await control('POST', '/bot-events', { portal: 'acme', botId: id, type: 'MESSAGE', data: { word } })
    const first = (await ask('GET', `/v1/bots/${id}/events?limit=2`)).json().data
    expect([first.events.length, first.hasMore, first.nextOffset]).toEqual([2, true, 3])
    expect((await ask('GET', `/v1/bots/${id}/events`)).json().data.events).toMatchObject([{ data: { word: 'c' } }])
    const sent = await ask('POST', `/v1/bots/${id}/messages`, {
      body: { dialogId: 'chat1', fields: { message: 'hello' } },
    })
    expect(sent.status).toBe(201)
    const long = { dialogId: 'chat1', fields: { message: 'x'.repeat(20_001) } }
    expect((await ask('POST', `/v1/bots/${id}/messages`, { body: long })).status).toBe(400)
    expect(client.sandbox.effects(0, 'bot-message')).toMatchObject([{ detail: { message: 'hello' } }])
  })

  test('a batch succeeds in part, says which calls failed, and counts as one request', async () => {
    const { id } = (await ask('POST', '/v1/leads', { body: { title: 'batched' } })).json().data
    const calls = [
      { id: 'one', entity: 'leads', action: 'get', entityId: id },
      { id: 'gone', entity: 'leads', action: 'get', entityId: 1 },
      { id: 'all', entity: 'leads', action: 'list', params: { filter: { title: 'batched' } } },
      { id: 'new', entity: 'leads', action: 'update', entityId: id, params: { statusId: 'DONE' } },
      { id: 'fields', entity: 'leads', action: 'fields' },
      { id: 'log', entity: 'timeline-logs', action: 'create', params: {} },
      { id: 'noid', entity: 'leads', action: 'get' },
    ]
    const answer = (await ask('POST', '/v1/batch', { body: { calls } })).json()
    expect(answer).toMatchObject({ success: true, data: { summary: { total: 7, succeeded: 4, failed: 3 } } })
    expect(Object.keys(answer.data.errors).sort()).toEqual(['gone', 'log', 'noid'])
    expect(answer.data.results.new.statusId).toBe('DONE')
    expect(answer.data).toMatchObject({ totals: { all: 1 }, meta: { all: { returned: 1, hasMore: false } } })
    await control('POST', '/switches', { portal: 'acme', batchMissingId: 'whole' })
    expect((await ask('POST', '/v1/batch', { body: { calls } })).json().error.code).toBe('INVALID_REQUEST')
    const many = { calls: Array.from({ length: 51 }, () => calls[0]) }
    expect((await ask('POST', '/v1/batch', { body: many })).json().error.code).toBe('BATCH_LIMIT_EXCEEDED')
    const none = (await ask('POST', '/v1/batch', { body: { calls: [{ entity: 'leads', action: 'fly' }] } })).json()
    expect(none).toMatchObject({
      success: false,
      error: { code: 'INVALID_REQUEST' },
      data: { errors: { 0: { code: 'VALIDATION_ERROR' } } },
    })
  })
})
