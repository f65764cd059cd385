import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Vibecode, VibecodeOptions } from '../../src/vibecode/client.ts'
import { failureOf } from '../../src/vibecode/failure-error.ts'
import { isDownloadRouteMissing } from '../../src/vibecode/files.ts'
import { multipartBody } from '../../src/vibecode/multipart.ts'
import { createUpstreamTraits } from '../../src/vibecode/traits.ts'
import { recordingGuard } from '../fixtures/vibecode/guard.ts'
import { sendJson, startUpstream, type Upstream } from '../fixtures/vibecode/upstream.ts'

let upstream: Upstream
let gate: ReturnType<typeof recordingGuard>
let vibecode: Vibecode
const entry = { entityTypeId: 2, entityId: 1234, title: 't', text: 'x' }

beforeEach(async () => {
  upstream = await startUpstream()
  gate = recordingGuard()
  vibecode = upstream.client({ guard: gate.guard })
})
afterEach(async () => {
  await vibecode.close()
  await upstream.close()
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
const body = (index: number): unknown => JSON.parse(upstream.requests[index]?.body.toString() ?? 'null')
const url = (index: number): URL => new URL(upstream.requests[index]?.url ?? '', upstream.baseUrl)
const invalid = (message: string) => ({ success: false, error: { code: 'INVALID_PARAMS', message } })

describe('timeline', () => {
  const written = { success: true, data: { id: '7001', created: '2026-05-05T12:00:00+03:00', title: 't', text: 'x' } }

  it.each([
    ['Unknown field entityType', { entityTypeId: 2 }, 'entityTypeId'],
    ['entityType must not be given, send entityTypeId', { entityTypeId: 2 }, 'entityTypeId'],
    ['unexpected key "entityTypeId"', { entityType: 'deal' }, 'entityType'],
  ])('sends the other field alone after a 400 "%s", and remembers', async (message, sent, remembered) => {
    const traits = createUpstreamTraits()
    await reopen({ traits })
    upstream.answerWith([400, invalid(message)], [201, written])
    expect(await vibecode.timeline.create(entry)).toMatchObject({ id: 7001 })
    expect(body(0)).toEqual({ entityType: 'deal', ...entry })
    expect(body(1)).toEqual({ ...sent, entityId: 1234, title: 't', text: 'x' })
    expect(traits.timelineFields).toBe(remembered)
    await vibecode.timeline.create(entry)
    expect(body(2)).toEqual(body(1))
    expect(gate.plans.every((plan) => plan.family === 'crm' && plan.fenced === true)).toBe(true)
  })

  it('finds its way back when what it remembered no longer holds', async () => {
    const traits = createUpstreamTraits()
    traits.timelineFields = 'entityType'
    await reopen({ traits })
    upstream.answerWith([400, invalid('entityType is not allowed')], [201, written])
    await vibecode.timeline.create(entry)
    expect(traits.timelineFields).toBe('entityTypeId')
    upstream.answerWith([400, invalid('entityType is required')])
    expect(await caught(vibecode.timeline.create(entry))).toMatchObject({ name: 'Permanent' })
    expect(body(2)).toMatchObject({ entityTypeId: 2 })
    expect(body(3)).toEqual({ entityType: 'deal', entityId: 1234, title: 't', text: 'x' })
    expect(upstream.requests).toHaveLength(4)
  })

  it('never sends twice after anything else than a refused field, and each way round at most once', async () => {
    upstream.answerWith([400, invalid('title is required')])
    expect(await caught(vibecode.timeline.create(entry))).toMatchObject({ name: 'Permanent', class: 'invalid_request' })
    expect(upstream.requests).toHaveLength(1)
    upstream.answerWith([502, invalid('entityType broke')])
    expect(await caught(vibecode.timeline.create(entry))).toMatchObject({ name: 'Retry' })
    expect(upstream.requests).toHaveLength(2)
    upstream.answerWith([400, invalid('neither entityType nor that')])
    expect(await caught(vibecode.timeline.create(entry))).toMatchObject({ name: 'Permanent' })
    expect(upstream.requests).toHaveLength(5)
  })

  it('refuses other types before anything is sent', async () => {
    expect(await caught(vibecode.timeline.create({ ...entry, entityTypeId: 31 }))).toMatchObject({
      class: 'unknown_entity_type',
    })
    expect(upstream.started()).toBe(0)
  })

  it('pages, and says when the order was ignored', async () => {
    const page = (first: number, count: number) =>
      Array.from({ length: count }, (_item, index) => ({ id: first - index, text: 'x' }))
    upstream.answerWith(
      [200, { success: true, data: page(30, 10), meta: { total: 13 } }],
      [200, { success: true, data: { items: page(20, 3) }, total: 13 }],
      [200, { success: true, data: page(30, 10) }],
      [200, { success: true, data: [{ id: 1 }, { id: 2 }] }],
      [200, { success: true, data: [] }],
    )
    const query = { entityTypeId: 2, entityId: 9 }
    expect(await vibecode.timeline.list(query)).toMatchObject({ nextStart: 10, total: 13, newestFirst: true })
    expect(await vibecode.timeline.list({ ...query, start: 10 })).toMatchObject({ nextStart: null, total: 13 })
    expect(await vibecode.timeline.list(query)).toMatchObject({ nextStart: 10, total: null })
    expect(await vibecode.timeline.list(query)).toMatchObject({ nextStart: null, newestFirst: false })
    expect(await vibecode.timeline.list(query)).toMatchObject({ nextStart: null, entries: [] })
    expect(Object.fromEntries(url(1).searchParams)).toEqual({
      entityTypeId: '2',
      entityId: '9',
      'order[id]': 'desc',
      start: '10',
    })
  })
})

describe('telephony', () => {
  const row = {
    ID: '55',
    CALL_ID: 'externalCall.7b',
    CALL_TYPE: '2',
    CALL_DURATION: '95',
    CALL_START_DATE: '2026-03-11T17:28:46+03:00',
    CALL_RECORD_URL: '',
    CALL_FAILED_CODE: '200',
    CALL_FAILED_REASON: 'Success call',
    PHONE_NUMBER: '+74951234567',
    PORTAL_NUMBER: 'reg133788',
    PORTAL_USER_ID: '12',
    CRM_ENTITY_TYPE: 'CONTACT',
    CRM_ENTITY_ID: '4',
    CRM_ACTIVITY_ID: '7953',
    RECORD_FILE_ID: null,
    COST: '0.0000',
  }

  it('reads rows of strings', async () => {
    upstream.answerWith([
      200,
      { success: true, data: [row, { id: 56, recordFileId: '77', crmEntityType: '' }], meta: { total: 2 } },
    ])
    const { calls, hasMore, nextOffset } = await vibecode.telephony.listCalls({ callId: 'externalCall.7b' })
    expect({ hasMore, nextOffset }).toEqual({ hasMore: false, nextOffset: null })
    expect(calls[0]).toEqual({
      id: 55,
      callId: 'externalCall.7b',
      callType: 2,
      durationSeconds: 95,
      startedAt: '2026-03-11T17:28:46+03:00',
      failedCode: '200',
      failedReason: 'Success call',
      phoneNumber: '+74951234567',
      portalNumber: 'reg133788',
      portalUserId: 12,
      activityId: 7953,
      entityTypeId: 3,
      entityId: 4,
      recordFileId: null,
      recordUrl: null,
      recordSeconds: null,
      transcriptId: null,
    })
    expect(calls[1]).toMatchObject({ id: 56, recordFileId: 77, entityTypeId: null, activityId: null })
    expect(gate.plans).toEqual([{ family: 'portal' }])
  })

  it('asks by call, by activity, or for a span that does not shift', async () => {
    upstream.answerWith([200, { success: true, data: [row], meta: { total: 3 } }])
    await vibecode.telephony.listCalls({ activityId: 7953 })
    expect(Object.fromEntries(url(0).searchParams)).toEqual({
      'filter[CRM_ACTIVITY_ID]': '7953',
      sort: 'ID',
      order: 'DESC',
      limit: '50',
    })
    const since = new Date('2026-03-10T00:00:00Z')
    const span = { since, before: new Date('2026-03-11T00:00:00Z'), afterId: 54 }
    expect(await vibecode.telephony.listCalls(span, { limit: 1, offset: 1 })).toMatchObject({
      hasMore: true,
      nextOffset: 2,
      total: 3,
    })
    expect(Object.fromEntries(url(1).searchParams)).toEqual({
      'filter[>CALL_START_DATE]': '2026-03-10T00:00:00.000Z',
      'filter[<CALL_START_DATE]': '2026-03-11T00:00:00.000Z',
      'filter[>ID]': '54',
      sort: 'ID',
      order: 'ASC',
      limit: '1',
      offset: '1',
    })
  })

  it('takes no row that was not asked for where the filter is ignored', async () => {
    const rows = [
      row,
      { ...row, ID: '56', CALL_ID: 'other', CRM_ACTIVITY_ID: '1', CALL_START_DATE: '2026-03-01T00:00:00Z' },
    ]
    upstream.answerWith([200, { success: true, data: rows, meta: { total: 2 } }])
    const ids = async (query: Parameters<typeof vibecode.telephony.listCalls>[0]) =>
      (await vibecode.telephony.listCalls(query)).calls.map((call) => call.id)
    expect(await ids({ callId: 'other' })).toEqual([56])
    expect(await ids({ activityId: 7953 })).toEqual([55])
    expect(await ids({ since: new Date('2026-03-10T00:00:00Z') })).toEqual([55])
    expect(await ids({ since: new Date('2026-01-01T00:00:00Z'), afterId: 55 })).toEqual([56])
    expect(await ids({ since: new Date('2026-01-01T00:00:00Z'), before: new Date('2026-03-02T00:00:00Z') })).toEqual([
      56,
    ])
  })
})

describe('crm', () => {
  it('reads an activity in either case', async () => {
    const upper = {
      ID: '9',
      OWNER_TYPE_ID: '3',
      OWNER_ID: '4',
      PROVIDER_ID: 'VOXIMPLANT_CALL',
      DIRECTION: '1',
      FILES: [{ ID: 5, URL: 'https://p/x' }],
    }
    const camel = {
      id: 9,
      ownerTypeId: 3,
      ownerId: 4,
      providerId: 'VOXIMPLANT_CALL',
      direction: 1,
      files: [{ id: 5, url: 'https://p/x' }],
    }
    const mixed = { id: 9, ...upper, FILES: false }
    upstream.answerWith(
      [200, { success: true, data: upper }],
      [200, { success: true, data: camel }],
      [200, { success: true, data: mixed }],
    )
    const first = await vibecode.crm.getActivity(9)
    expect(first).toMatchObject({ ...camel, typeId: null, subject: null })
    expect(await vibecode.crm.getActivity(9)).toEqual(first)
    expect(await vibecode.crm.getActivity(9)).toEqual({ ...first, files: [] })
    expect(upstream.requests[0]?.url).toBe('/v1/activities/9')
  })

  it('reads bindings', async () => {
    upstream.answerWith([
      200,
      {
        success: true,
        data: [
          { entityTypeId: 2, entityId: '1234' },
          { ENTITY_TYPE_ID: '3', ENTITY_ID: '4' },
        ],
      },
    ])
    expect(await vibecode.crm.getActivityBindings(9)).toEqual([
      { entityTypeId: 2, entityId: 1234 },
      { entityTypeId: 3, entityId: 4 },
    ])
    expect(upstream.requests[0]?.url).toBe('/v1/activities/9/bindings')
  })

  it('finds open deals newest first, even where order and filter are ignored', async () => {
    upstream.answerWith([
      200,
      {
        success: true,
        data: [
          { id: 3 },
          { id: '8', closed: 'N' },
          { id: 9, closed: 'Y' },
          { id: 10, closed: true },
          { id: 11, contactId: '5' },
          { id: 2, contactId: 4 },
        ],
      },
    ])
    expect((await vibecode.crm.findOpenDeals({ contactId: 4 })).map((deal) => deal.id)).toEqual([8, 3, 2])
    expect(upstream.requests[0]).toMatchObject({ method: 'POST', url: '/v1/deals/search' })
    expect(body(0)).toEqual({ filter: { contactId: 4, closed: 'N' }, order: { id: 'desc' }, limit: 10 })
  })

  it('reads each kind of record from its own collection', async () => {
    upstream.answerWith([200, { success: true, data: { id: 4 } }])
    for (const typeId of [1, 2, 3, 4]) await vibecode.crm.getEntity(typeId, 4)
    expect(upstream.requests.map((request) => request.url)).toEqual([
      '/v1/leads/4',
      '/v1/deals/4',
      '/v1/contacts/4',
      '/v1/companies/4',
    ])
    expect(await caught(vibecode.crm.getEntity(31, 4))).toMatchObject({ class: 'unknown_entity_type' })
  })
})

describe('files and account', () => {
  it('gives the address of a file, and says when the download route is missing', async () => {
    upstream.answerWith([
      200,
      {
        success: true,
        data: { ID: '3', NAME: 'a.mp3', SIZE: '10', DOWNLOAD_URL: 'https://p/rest/download.json?auth=x' },
      },
    ])
    expect(await vibecode.files.get(3)).toEqual({
      id: 3,
      name: 'a.mp3',
      bytes: 10,
      downloadUrl: 'https://p/rest/download.json?auth=x',
    })
    for (const [status, missing] of [
      [404, true],
      [405, true],
      [302, true],
      [403, false],
      [502, false],
    ] as const) {
      upstream.answerWith([status, {}])
      expect(isDownloadRouteMissing(await caught(vibecode.files.open(3)))).toBe(missing)
    }
  })

  it('lists models, leaving out what has no id', async () => {
    upstream.answerWith([
      200,
      { object: 'list', data: [{ id: 'bitrix/bitrixgpt-5.5', context_length: 262_144 }, { name: 'x' }, null] },
    ])
    expect(await vibecode.models()).toEqual([{ id: 'bitrix/bitrixgpt-5.5', context_length: 262_144 }])
    expect(gate.plans).toEqual([{ family: 'ai' }])
  })
})

describe('transcribe', () => {
  const file = Buffer.from('RIFF-some-bytes')

  it('opens a fresh stream for each repetition', async () => {
    let opened = 0
    upstream.answerWith([502, {}], [200, { text: 'да' }])
    const open = async function* () {
      opened += 1
      yield file
    }
    expect(await vibecode.transcribe({ file: open, bytes: file.byteLength, filename: 'a.wav' })).toMatchObject({
      text: 'да',
    })
    expect(opened).toBe(2)
    const bodies = upstream.requests.map((request) => request.body.toString())
    expect(bodies.every((sent) => sent.includes('RIFF-some-bytes') && sent.includes('audio/wav'))).toBe(true)
  })

  it('asks for times where they are understood, and remembers where they are not', async () => {
    const verbose = {
      text: 'да',
      language: 'ru',
      duration: 1.5,
      segments: [{ start: 0, end: 1.5, text: 'да', extra: 1 }],
    }
    upstream.answerWith([200, verbose])
    const options = { file, filename: 'a.mp3', responseFormat: 'verbose_json', prompt: 'p', model: 'm' } as const
    expect(await vibecode.transcribe(options)).toEqual({
      text: 'да',
      language: 'ru',
      durationSeconds: 1.5,
      segments: [{ start: 0, end: 1.5, text: 'да' }],
      requestId: 'req-9',
    })
    expect(gate.plans[0]).toEqual({ family: 'ai', model: 'm', fenced: true })
    upstream.answer((request, response) => {
      if (request.body.includes('verbose_json'))
        sendJson(response, 400, { error: { message: 'response_format: json or text', code: 'invalid_request' } })
      else sendJson(response, 200, { text: 'да' })
    })
    expect((await vibecode.transcribe(options)).text).toBe('да')
    await vibecode.transcribe(options)
    expect(upstream.requests.map((request) => request.body.includes('verbose_json'))).toEqual([
      true,
      true,
      false,
      false,
    ])
  })

  it('does not take another 400 for a refused format', async () => {
    upstream.answerWith([400, { error: { message: 'bad language', code: 'invalid_language' } }])
    const error = await caught(vibecode.transcribe({ file, filename: 'a.mp3', responseFormat: 'verbose_json' }))
    expect(failureOf(error)?.class).toBe('invalid_language')
    expect(upstream.requests).toHaveLength(1)
  })

  it.each([1, -1])('sends no whole request when the file is off by %i bytes', async (difference) => {
    const options = {
      file: async function* () {
        yield file
      },
      bytes: file.byteLength - difference,
      filename: 'a.mp3',
    }
    expect(await caught(vibecode.transcribe(options))).toMatchObject({ name: 'Retry', class: 'recording_changed' })
    expect(upstream.requests).toHaveLength(0)
  })

  it('lets a file name end no line of its own', async () => {
    const part = {
      filename: 'a"\r\nX: 1.mp3',
      contentType: 'audio/mpeg',
      bytes: 1,
      open: async function* () {
        yield Buffer.from('x')
      },
    }
    const { bytes, contentType, open } = multipartBody(part, [['language', 'ru']], 'b')
    const sent = Buffer.concat(await open().toArray())
    expect(contentType).toBe('multipart/form-data; boundary=b')
    expect(sent.byteLength).toBe(bytes)
    expect(sent.toString()).toContain('filename="a%22%0D%0AX: 1.mp3"')
  })
})

it('asks by json_schema only until it is refused', async () => {
  upstream.answer((request, response) => {
    if (request.body.includes('json_schema'))
      sendJson(response, 400, { error: { message: 'unsupported', code: 'invalid_request' } })
    else sendJson(response, 200, { choices: [{ finish_reason: 'stop', message: { content: '{"a":1}' } }] })
  })
  const ask = {
    system: 's',
    user: 'u',
    schema: z.object({ a: z.number() }),
    jsonSchema: { name: 'n', schema: { type: 'object' } },
  }
  expect(await vibecode.chat.askJson(ask)).toMatchObject({ value: { a: 1 }, asks: 1 })
  await vibecode.chat.askJson(ask)
  expect([0, 1, 2].map((index) => (body(index) as { response_format: { type: string } }).response_format.type)).toEqual(
    ['json_schema', 'json_object', 'json_object'],
  )
})
