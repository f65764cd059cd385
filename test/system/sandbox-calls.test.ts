import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openSandbox, type SandboxClient } from '../support/sandbox-client.ts'

let client: SandboxClient
let clock = Date.UTC(2026, 4, 5, 9)
const received: { type: string; body: string }[] = []
const receiver = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    received.push({ type: request.headers['content-type'] ?? '', body: Buffer.concat(chunks).toString() })
    response.writeHead(503).end()
  })
})

beforeAll(async () => {
  client = await openSandbox({ now: () => clock })
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
})
afterAll(async () => {
  await client.stop()
  receiver.close()
})

test('a call stands in statistics, activity, bindings and on the disk, and its sound can be fetched whole or in part', async () => {
  const call = await client.control('POST', '/calls', {
    portal: 'acme',
    recordingId: 'en-hot-freight',
    phone: '+15550100',
    direction: 'out',
  })
  const rows = (await client.ask('GET', `/v1/calls/statistics?filter[CALL_ID]=${call.callId}`)).json()
  expect(rows.meta).toEqual({ total: 1, hasMore: false })
  expect(rows.data[0]).toMatchObject({
    CALL_ID: call.callId,
    CALL_TYPE: '1',
    CALL_FAILED_CODE: '200',
    PHONE_NUMBER: '+15550100',
    CRM_ENTITY_TYPE: 'CONTACT',
    CRM_ENTITY_ID: String(call.contactId),
    CRM_ACTIVITY_ID: String(call.activityId),
    RECORD_FILE_ID: call.fileId,
  })
  const activity = (await client.ask('GET', `/v1/activities/${call.activityId}`)).json().data
  expect(activity).toMatchObject({
    ownerTypeId: 3,
    ownerId: call.contactId,
    typeId: 2,
    direction: 2,
    FILES: [{ id: call.fileId }],
  })
  expect((await client.ask('GET', `/v1/activities/${call.activityId}/bindings`)).json().data).toEqual([
    { entityTypeId: 3, entityId: call.contactId },
    { entityTypeId: 2, entityId: call.dealId },
  ])
  const whole = await client.ask('GET', `/v1/files/${call.fileId}/download`)
  expect(whole.headers['content-disposition']).toMatch(/attachment/)
  const file = (await client.ask('GET', `/v1/files/${call.fileId}`)).json().data
  expect(file.size).toBe(whole.bytes.length)
  const part = await client.ask('GET', file.downloadUrl, { key: null, headers: { range: 'bytes=100-199' } })
  expect([part.status, part.headers['content-range']]).toEqual([206, `bytes 100-199/${file.size}`])
  expect(part.bytes.equals(whole.bytes.subarray(100, 200))).toBe(true)
  const beyond = await client.ask('GET', file.downloadUrl, { key: null, headers: { range: 'bytes=99999999-' } })
  expect(beyond.status).toBe(416)
  expect((await client.ask('GET', `${file.downloadUrl}0`, { key: null })).status).toBe(403)
  clock += 301_000
  expect((await client.ask('GET', file.downloadUrl, { key: null })).status).toBe(403)
})

test('a recording appears when its time has come, never, or is replaced', async () => {
  const call = await client.control('POST', '/calls', {
    portal: 'acme',
    toneText: 'hello there',
    recordingAfterMs: 60_000,
  })
  const fileId = async () =>
    (await client.ask('GET', `/v1/calls/statistics?filter[CRM_ACTIVITY_ID]=${call.activityId}`)).json().data[0]
      .RECORD_FILE_ID
  expect(await fileId()).toBeNull()
  expect((await client.ask('GET', `/v1/files/${call.fileId}/download`)).status).toBe(404)
  clock += 60_000
  expect(await fileId()).toBe(call.fileId)
  const replaced = await client.control('POST', '/recordings', {
    portal: 'acme',
    callId: call.callId,
    toneText: 'another text',
  })
  expect(await fileId()).toBe(replaced.fileId)
  const never = await client.control('POST', '/calls', { portal: 'acme', toneText: 'hello', recordingAfterMs: null })
  expect(never.fileId).toBeNull()
})

test('downloads, activity keys, files and type ids follow their switches', async () => {
  const call = await client.control('POST', '/calls', { portal: 'acme', silenceSeconds: 2, entity: 'lead' })
  await client.control('POST', '/switches', {
    portal: 'acme',
    fileDownload: 'urlOnly',
    activityKeys: 'upper',
    callTypeId: '1',
  })
  expect((await client.ask('GET', `/v1/files/${call.fileId}/download`)).status).toBe(404)
  const { downloadUrl } = (await client.ask('GET', `/v1/files/${call.fileId}`)).json().data
  expect((await client.ask('GET', downloadUrl, { key: null })).bytes.toString('latin1', 0, 4)).toBe('RIFF')
  const upper = (await client.ask('GET', `/v1/activities/${call.activityId}`)).json().data
  expect(upper).toMatchObject({
    ID: String(call.activityId),
    OWNER_TYPE_ID: '1',
    TYPE_ID: '1',
    PROVIDER_ID: 'VOXIMPLANT_CALL',
  })
  await client.control('POST', '/switches', {
    portal: 'acme',
    activityKeys: 'camel',
    activityFiles: 'hidden',
    callTypeId: '2',
  })
  const camel = (await client.ask('GET', `/v1/activities/${call.activityId}`)).json().data
  expect(camel).toMatchObject({ ownerTypeId: 1, files: [] })
  const filter = { ownerTypeId: 1, ownerId: call.leadId, typeId: 2, providerId: 'VOXIMPLANT_CALL' }
  expect((await client.ask('POST', '/v1/activities/search', { body: { filter } })).json().data).toHaveLength(1)
  expect((await client.ask('GET', `/v1/activities?filter[ownerId]=${call.leadId}`)).json().data).toHaveLength(1)
  expect((await client.ask('POST', '/v1/activities/search', { body: { filter: { colour: 1 } } })).status).toBe(400)
  const reset = { fileDownload: 'route', activityKeys: 'mixed', activityFiles: 'shown' }
  await client.control('POST', '/switches', { portal: 'acme', ...reset })
})

test('the statistic is filtered, sorted and paged', async () => {
  client.sandbox.addPortal({ name: 'paged' })
  const key = 'vibe_api_sandbox_paged'
  const created = await client.control('POST', '/calls/bulk', {
    portals: ['paged'],
    count: 7,
    toneText: 'one two',
    entity: 'none',
  })
  const ids = created.map((one: { statisticId: number }) => one.statisticId)
  const list = async (query: string) => (await client.ask('GET', `/v1/calls/statistics?${query}`, { key })).json()
  const page = await list(`filter[>ID]=${ids[1]}&sort=ID&order=DESC&limit=3&offset=1`)
  expect(page.data.map((row: { ID: string }) => Number(row.ID))).toEqual([ids[5], ids[4], ids[3]])
  expect(page.meta).toEqual({ total: 5, hasMore: true })
  const later = encodeURIComponent(new Date(clock + 1000).toISOString())
  expect((await list(`filter[>CALL_START_DATE]=${later}`)).data).toEqual([])
  expect((await list('filter[colour]=1')).error.code).toBe('INVALID_FILTER_FIELD')
  expect((await list('sort=colour')).error.code).toBe('UNKNOWN_SORT_FIELD')
  await client.control('POST', '/switches', { portal: 'paged', statisticsFilter: 'ignored' })
  expect((await list('filter[CALL_ID]=none')).meta.total).toBe(7)
})

test('a transcript is taken by either of two routes, by switch', async () => {
  const call = await client.control('POST', '/calls', { portal: 'acme', toneText: 'hello' })
  const byId = () => client.ask('POST', `/v1/calls/${call.callId}/transcription`, { body: { content: 'hello' } })
  const plain = () =>
    client.ask('POST', '/v1/calls/transcription', {
      body: { callId: call.callId, messages: [{ SIDE: 'User', START_TIME: 0, STOP_TIME: 1, MESSAGE: 'hello' }] },
    })
  expect([(await byId()).status, (await plain()).status]).toEqual([200, 200])
  await client.control('POST', '/switches', { portal: 'acme', transcriptRoute: 'callId' })
  expect([(await byId()).status, (await plain()).status]).toEqual([200, 404])
  await client.control('POST', '/switches', { portal: 'acme', transcriptRoute: 'plain' })
  expect([(await byId()).status, (await plain()).status]).toEqual([404, 200])
  expect(client.sandbox.effects(0, 'transcript')).toHaveLength(4)
  const nobody = await client.ask('POST', '/v1/calls/transcription', {
    body: { callId: call.callId, messages: [{ SIDE: 'Somebody', START_TIME: 0, STOP_TIME: 1, MESSAGE: 'hello' }] },
  })
  expect([nobody.status, nobody.json().error.code]).toEqual([400, 'INVALID_PARAMS'])
  expect(client.sandbox.effects(0, 'transcript')).toHaveLength(4)
})

test('the event goes out once as a form with PHP brackets and the token in its body, and is never sent again', async () => {
  const { port } = receiver.address() as AddressInfo
  const webhookUrl = `http://127.0.0.1:${port}/hooks`
  const portal = await client.control('POST', '/portals', { name: 'hooked', webhookUrl })
  const call = await client.control('POST', '/calls', {
    portal: 'hooked',
    toneText: 'hi',
    phone: '+74951234567',
    durationSeconds: 95,
    times: 2,
  })
  await client.sandbox.settled()
  expect(received).toHaveLength(2)
  expect(received[0]).toEqual({ type: 'application/x-www-form-urlencoded', body: call.eventForm })
  const form = new URLSearchParams(call.eventForm)
  expect(Object.fromEntries(form)).toMatchObject({
    event: 'ONVOXIMPLANTCALLEND',
    'data[CALL_ID]': call.callId,
    'data[CALL_TYPE]': '2',
    'data[PHONE_NUMBER]': '+74951234567',
    'data[CALL_DURATION]': '95',
    'data[CALL_FAILED_CODE]': '200',
    'data[CRM_ACTIVITY_ID]': String(call.activityId),
    'auth[member_id]': portal.memberId,
    'auth[application_token]': portal.applicationToken,
    'auth[domain]': 'hooked.sandbox.invalid',
  })
  expect([...form.keys()].some((name) => /URL|RECORD/.test(name))).toBe(false)
  expect(call.eventForm).toContain('data%5BCALL_ID%5D=')
  expect(await client.control('GET', '/deliveries')).toMatchObject([{ status: 503 }, { status: 503 }])
  await client.control('POST', '/calls', { portal: 'hooked', toneText: 'hi', sendEvent: false })
  await client.control('POST', '/events', { portal: 'hooked', kind: 'activityUpdate', callId: call.callId })
  await client.control('POST', '/events', {
    portal: 'hooked',
    kind: 'robot',
    dealId: call.dealId,
    url: `${webhookUrl}?entity=deal`,
  })
  await client.control('POST', '/switches', { portal: 'hooked', robotBody: 'json' })
  await client.control('POST', '/events', { portal: 'hooked', kind: 'robot', dealId: call.dealId })
  await client.sandbox.settled()
  const types = received.slice(2).map((one) => one.type)
  expect(types.sort()).toEqual([
    'application/json',
    'application/x-www-form-urlencoded',
    'application/x-www-form-urlencoded',
  ])
  const update = received.find((one) => one.body.includes('ONCRMACTIVITYUPDATE'))
  expect(new URLSearchParams(update?.body).get('data[FIELDS][ID]')).toBe(String(call.activityId))
})

test('missed calls have no recording, calls without a CRM entity no activity', async () => {
  const missed = await client.control('POST', '/calls', {
    portal: 'acme',
    toneText: 'x',
    failedCode: '304',
    durationSeconds: 0,
  })
  expect([missed.fileId, new URLSearchParams(missed.eventForm).get('data[CALL_FAILED_REASON]')]).toEqual([
    null,
    'Skipped call',
  ])
  const orphan = await client.control('POST', '/calls', { portal: 'acme', toneText: 'x', entity: 'none' })
  expect([orphan.activityId, new URLSearchParams(orphan.eventForm).get('data[CRM_ACTIVITY_ID]')]).toEqual([null, ''])
  const again = await client.control('POST', '/calls', { portal: 'acme', toneText: 'x', deal: { id: missed.dealId } })
  expect(again.dealId).toBe(missed.dealId)
})

test('a thousand calls over several portals are made at once', async () => {
  for (const name of ['b1', 'b2', 'b3', 'b4']) client.sandbox.addPortal({ name })
  const created = await client.control('POST', '/calls/bulk', {
    portals: ['b1', 'b2', 'b3', 'b4'],
    count: 1000,
    toneText: 'bulk',
  })
  expect(new Set(created.map((one: { callId: string }) => one.callId)).size).toBe(1000)
  expect(
    (await client.ask('GET', '/v1/calls/statistics?limit=5000', { key: 'vibe_api_sandbox_b2' })).json().meta.total,
  ).toBe(250)
})
