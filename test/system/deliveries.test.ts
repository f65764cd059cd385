import { readdirSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pruneDeliveries } from '../../src/db/deliveries.ts'
import { setPortalSettings } from '../../src/db/portals.ts'
import { describeReason } from '../../src/ops/delivery-text.ts'
import { callEnd, type HttpApp, startHttpApp } from '../support/http-app.ts'

let http: HttpApp
beforeAll(async () => {
  http = await startHttpApp()
  await http.addPortal()
  await setPortalSettings(http.app.db, 'acme', { directions: ['in'], users: ['12'], lines: ['reg133788'] })
})
afterAll(async () => await http?.close())

const event = '/webhooks/bitrix24'
const robot = '/webhooks/bitrix24/robot'

/** Every way not to be taken in, the way to get there, and what the operator is told. */
const cases: [reason: string, path: string, body: string, status: number, mend: RegExp][] = [
  ['wrong_token', event, callEnd({}, { 'auth[application_token]': 'another' }), 401, /callsift portal add/],
  ['unknown_member', event, callEnd({}, { 'auth[member_id]': 'someone' }), 401, /callsift portal add/],
  ['wrong_robot_secret', `${robot}/not-the-secret`, '', 401, /--robot/],
  ['invalid_event', event, callEnd({ CALL_ID: '' }), 400, /--json/],
  ['invalid_robot', `${robot}/robot-secret-of-acme`, '', 400, /callId=/],
  ['event_not_used', event, callEnd({}, { event: 'ONCRMDEALADD' }), 200, /ONVOXIMPLANTCALLEND/],
  ['unknown_activity', event, callEnd({}, { event: 'ONCRMACTIVITYADD', 'data[FIELDS][ID]': '99' }), 200, /reconcile/],
  ['stale', event, callEnd({}, { ts: '1500000000' }), 200, /callsift backfill/],
  ['no_conversation', event, callEnd({ CALL_FAILED_CODE: '304' }), 200, /Nothing to do/],
  ['information_call', event, callEnd({ CALL_TYPE: '5' }), 200, /Nothing to do/],
  ['too_short', event, callEnd({ CALL_DURATION: '3' }), 200, /portal set acme minSeconds=/],
  ['direction', event, callEnd({ CALL_TYPE: '1' }), 200, /portal set acme directions=/],
  ['user', event, callEnd({ PORTAL_USER_ID: '99' }), 200, /portal set acme users=/],
  ['line', event, callEnd({ PORTAL_NUMBER: 'other' }), 200, /portal set acme lines=/],
]

interface Line {
  outcome: string
  reason: string | null
  portalId: string | null
  sentence: string | null
  mend: string | null
}

async function list(query = ''): Promise<{ deliveries: Line[]; nextCursor: string | null; text: string }> {
  const answer = await http.get(`/api/v1/deliveries${query}`, { authorization: `Bearer ${http.localToken}` })
  expect(answer.status).toBe(200)
  return { ...(JSON.parse(answer.text) as { deliveries: Line[]; nextCursor: string | null }), text: answer.text }
}

describe('the list of deliveries', () => {
  test.each(cases)('%s is kept with its sentence and its mend', async (reason, path, body, status, mend) => {
    expect((await http.post(path, body)).status).toBe(status)
    const [newest] = (await list('?limit=1')).deliveries
    expect(newest).toMatchObject({ reason, outcome: status === 200 ? 'ignored' : 'refused' })
    expect(newest?.sentence).toMatch(/\w/)
    expect(newest?.mend).toMatch(mend)
    expect(newest?.portalId).toBe(['unknown_member', 'wrong_robot_secret'].includes(reason) ? null : 'acme')
  })

  test('shows what was taken in as well, filters, pages, and holds no secret', async () => {
    expect((await http.post(event, callEnd())).status).toBe(200)
    expect((await http.post(event, callEnd())).status).toBe(200)
    const [again, first] = (await list()).deliveries
    expect([first, again]).toEqual([
      expect.objectContaining({ outcome: 'accepted', reason: null, sentence: null, mend: null }),
      expect.objectContaining({ outcome: 'duplicate' }),
    ])
    const refused = await list('?outcome=refused')
    expect(refused.deliveries.map((one) => one.outcome)).toEqual(Array(5).fill('refused'))
    expect((await list('?outcome=refused&portal=acme')).deliveries).toHaveLength(3)
    const page = await list('?limit=3')
    const next = await list(`?limit=3&cursor=${page.nextCursor}`)
    expect(new Set([...page.deliveries, ...next.deliveries].map((one) => JSON.stringify(one))).size).toBe(6)
    const { text } = await list('?limit=200')
    for (const secret of ['jvh9', 'another', 'not-the-secret', 'robot-secret', '4951234567'])
      expect(text).not.toContain(secret)
    expect((await http.get('/api/v1/deliveries')).status).toBe(401)
    expect(
      (await http.get('/api/v1/deliveries?outcome=lost', { authorization: `Bearer ${http.localToken}` })).status,
    ).toBe(400)
  })

  test('no reason is given anywhere that has no text', () => {
    const texts = readdirSync('src/intake').map((name) => readFileSync(`src/intake/${name}`, 'utf8'))
    const filters = ['relevance', 'filter-call'].map((name) => readFileSync(`src/intake/${name}.ts`, 'utf8')).join('')
    const named = [
      ...texts.flatMap((text) => [...text.matchAll(/(?:reason:|ignore\()\s*'([a-z_]+)'/g)]),
      ...[...filters.matchAll(/return '([a-z_]+)'/g)].filter(([, word]) => word !== 'in' && word !== 'out'),
    ].map((match) => match[1] ?? '')
    // Of an erased call nothing is kept (system/erase), so the sender's answer alone has this word.
    const kept = [...new Set(named)].filter((reason) => reason !== 'erased')
    expect(kept.length).toBeGreaterThanOrEqual(9)
    for (const reason of kept)
      expect([reason, describeReason(reason, null).mend]).not.toEqual([reason, 'See what it said with --json.'])
    expect(kept.filter((reason) => !cases.some(([known]) => known === reason))).toEqual([])
  })
})

test('of each portal the last thousand that were ignored or refused, and that told of a known call, are kept, and all that calls began with', async () => {
  const { db } = http.app
  await db.deleteFrom('callsift.inbox').where('outcome', 'in', ['ignored', 'refused', 'duplicate']).execute()
  const taken = await http.count('inbox')
  const rows = (portalId: string | null, n: number, outcome: 'ignored' | 'refused' | 'duplicate') =>
    Array.from({ length: n }, (_, index) => ({ portal_id: portalId, source: 'event', outcome, reason: `${index}` }))
  for (const [portalId, n, outcome] of [
    ['acme', 1_200, 'ignored'],
    ['quiet', 3, 'ignored'],
    [null, 1_001, 'refused'],
    ['acme', 1_002, 'duplicate'],
  ] as const) {
    const some = rows(portalId, n, outcome)
    for (let at = 0; at < some.length; at += 400)
      await db
        .insertInto('callsift.inbox')
        .values(some.slice(at, at + 400))
        .execute()
  }
  expect(await pruneDeliveries(db, { keep: 1_000, maxDays: 90 })).toBe(203)
  expect(await http.count('inbox')).toBe(taken + 1_000 + 3 + 1_000 + 1_000)
  const oldest = await db
    .selectFrom('callsift.inbox')
    .select('reason')
    .where('portal_id', '=', 'acme')
    .where('outcome', '=', 'ignored')
    .orderBy('id')
    .limit(1)
    .executeTakeFirst()
  expect(oldest?.reason).toBe('200')
  expect(await pruneDeliveries(db, { keep: 1_000, maxDays: 90 })).toBe(0)
})
