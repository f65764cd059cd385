import { describe, expect, test } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import { Blocked, Later, Permanent, Retry } from '../../src/errors.ts'
import { failureError } from '../../src/vibecode/failure-error.ts'
import { readFailure, readNetworkFailure } from '../../src/wire/errors.ts'
import { readWorkingHours, workingMsBetween } from '../../src/working-hours.ts'
import { chatMicros, nothingWasPaid, speechMicros } from '../../workers/spending.ts'

const hour = 3_600_000
const at = (text: string) => Date.parse(text)

describe('working hours', () => {
  test.each([
    ['Mon-Fri 9-18', [1, 2, 3, 4, 5]],
    ['sat-mon 0-24', [6, 0, 1]],
    ['Wed 08-20', [3]],
  ])('%s is read', (text, days) => {
    expect([...(readWorkingHours(text)?.days ?? [])]).toEqual(days)
  })

  test.each(['', 'Mon-Fri', '9-18', 'Mon-Fri 18-9', 'Mon-Fri 9-25', 'Mon-Xyz 9-18', 'Mon-Fri 9:00-18:00'])(
    '"%s" is refused',
    (text) => expect(readWorkingHours(text)).toBeNull(),
  )

  test('nights and weekends are no silence, by the clock of the portal', () => {
    const hours = readWorkingHours('Mon-Fri 9-18')
    // Friday 17:00 to Monday 10:00 in Moscow (UTC+3): one hour on Friday, one on Monday.
    const [friday, monday] = [at('2026-11-20T14:00:00Z'), at('2026-11-23T07:00:00Z')]
    expect(workingMsBetween(friday, monday, hours, 'Europe/Moscow', 100 * hour)).toBe(2 * hour)
    expect(workingMsBetween(friday, monday, hours, 'UTC', 100 * hour)).toBe(4 * hour)
    expect(workingMsBetween(friday, monday, null, 'UTC', 100 * hour)).toBe(65 * hour)
  })

  test('counting ends when enough is counted, also over years', () => {
    const counted = workingMsBetween(0, at('2026-11-23T07:00:00Z'), readWorkingHours('Mon-Fri 9-18'), 'UTC', 24 * hour)
    expect(counted).toBe(24 * hour)
  })
})

describe('what was not paid for', () => {
  const answered = (status: number, code = 'X') =>
    failureError(
      readFailure({ status, headers: {}, body: { success: false, error: { code, message: 'm' } }, route: '/v1/x' }),
      undefined,
    )

  test('refused plainly, or never sent', () => {
    expect(nothingWasPaid(new Blocked('ai', 'c', { message: 'm' }))).toBe(true)
    expect(nothingWasPaid(new Later(1, 'paced', { message: 'm' }))).toBe(true)
    for (const status of [400, 401, 402, 403, 429])
      expect([status, nothingWasPaid(answered(status))]).toEqual([status, true])
    expect(nothingWasPaid(answered(504, 'QUEUE_TIMEOUT'))).toBe(true)
    const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })
    expect(nothingWasPaid(failureError(readNetworkFailure(refused, { bytesSent: false }), refused))).toBe(true)
  })

  test('anything else may have been done and billed', () => {
    for (const status of [500, 502, 503, 504])
      expect([status, nothingWasPaid(answered(status))]).toEqual([status, false])
    const reset = Object.assign(new Error('reset'), { code: 'ECONNRESET' })
    expect(nothingWasPaid(failureError(readNetworkFailure(reset, { bytesSent: true }), reset))).toBe(false)
    expect(nothingWasPaid(new Permanent('bad_model_output', { message: 'm' }))).toBe(false)
    expect(nothingWasPaid(new Retry('x', { message: 'm' }))).toBe(false)
    expect(nothingWasPaid(new Error('a bug'))).toBe(false)
  })
})

describe('prices', () => {
  test('are exact in millionths, and never rounded down', () => {
    const { prices } = loadConfig({ CALLSIFT_PRICE_SPEECH_MINUTE: '0.6', CALLSIFT_PRICE_CHAT_1K_TOKENS: '0.000001' })
    expect(prices).toMatchObject({ speechMinuteMicros: 600_000, chat1kTokensMicros: 1, currency: 'RUB' })
    expect(speechMicros(90_000, prices)).toBe(900_000)
    expect(speechMicros(1, prices)).toBe(10)
    expect(chatMicros(1, prices)).toBe(1)
  })

  test('are free unless told, and an amount nobody can mean is refused', () => {
    expect(loadConfig({}).prices).toMatchObject({ speechMinuteMicros: 0, chat1kTokensMicros: 0 })
    for (const price of ['-1', '1e3', 'free', '0.1234567', '1,5']) {
      expect(() => loadConfig({ CALLSIFT_PRICE_SPEECH_MINUTE: price })).toThrow(/CALLSIFT_PRICE_SPEECH_MINUTE/)
    }
  })

  test('an alert’s address must be http or https', () => {
    expect(() => loadConfig({ CALLSIFT_ALERT_URL: 'file:///etc/passwd' })).toThrow(/CALLSIFT_ALERT_URL/)
    expect(loadConfig({ CALLSIFT_ALERT_URL: 'https://hooks.example/x' }).secrets.alertUrl).toBe(
      'https://hooks.example/x',
    )
  })
})
