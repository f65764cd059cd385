import { afterAll, describe, expect, test } from 'vitest'
import { callEnd, type HttpApp, startHttpApp } from '../support/http-app.ts'
import { createClosers, freshDatabase } from '../support/stores.ts'

// PGlite's one session hides races: here two web servers take the same calls in on one Postgres.
const database = await freshDatabase('webhooks on two servers at once')
const closers = createClosers()
afterAll(() => closers.closeAll())

async function start(): Promise<HttpApp> {
  const http = await startHttpApp({ environment: { DATABASE_URL: database?.url ?? '' } })
  closers.add(() => http.close())
  return http
}

describe.skipIf(database === undefined)('two servers on one Postgres', () => {
  test('the same events at both, in any order, are one call each, and every one is answered 200', async () => {
    closers.add(() => database?.drop())
    const [one, two] = [await start(), await start()]
    await one.addPortal()
    const bodies = Array.from({ length: 40 }, (_, n) =>
      callEnd({ CALL_ID: `race-${n}`, CRM_ACTIVITY_ID: String(5_000 + n) }),
    )
    const byActivity = (n: number) =>
      callEnd({}, { event: 'ONCRMACTIVITYUPDATE', 'data[FIELDS][ID]': String(5_000 + n) })
    const send = async (http: HttpApp, order: string[]) =>
      await Promise.all(order.map((body) => http.post('/webhooks/bitrix24', body)))
    const answers = (
      await Promise.all([
        send(one, bodies),
        send(two, bodies.toReversed()),
        send(
          two,
          bodies.map((_, n) => byActivity(n)),
        ),
        send(one, bodies),
      ])
    ).flat()
    expect(answers.map((answer) => answer.status)).toEqual(Array.from({ length: 160 }, () => 200))
    const outcomes = answers.map((answer) => (JSON.parse(answer.text) as { outcome: string }).outcome)
    expect(outcomes.filter((outcome) => outcome === 'accepted')).toHaveLength(40)
    expect([await one.count('calls'), await one.count('runs')]).toEqual([40, 40])
    // An activity told of before its call is not known yet, and ignored; nothing else is.
    expect(await one.count('inbox')).toBe(160)
  })

  test('a portal added at one server is known at the other within half a second, a removed one after a second', async () => {
    const [one, two] = [await start(), await start()]
    const fresh = { 'auth[member_id]': 'fresh-member', 'auth[application_token]': 'fresh-token-0123456789' }
    expect((await two.post('/webhooks/bitrix24', callEnd({}, fresh))).status).toBe(401)
    await one.addPortal({
      id: 'fresh',
      memberId: 'fresh-member',
      applicationToken: 'fresh-token-0123456789',
      robotSecret: undefined,
    })
    await expect
      .poll(async () => (await two.post('/webhooks/bitrix24', callEnd({ CALL_ID: 'fresh-1' }, fresh))).status, {
        timeout: 500,
      })
      .toBe(200)
    await one.operate('portal.remove', { id: 'fresh' })
    await expect
      .poll(async () => (await two.post('/webhooks/bitrix24', callEnd({ CALL_ID: 'fresh-1' }, fresh))).status, {
        timeout: 3_000,
      })
      .toBe(401)
  })
})
