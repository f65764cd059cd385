import { describe, expect, it } from 'vitest'
import { classTexts } from '../../src/wire/class-text.ts'
import { errorTable } from '../../src/wire/error-table.ts'
import { describeClass, readFailure, readNetworkFailure } from '../../src/wire/errors.ts'

const now = 1_795_390_000_000
const route = 'GET /v1/deals/:id'

function read(status: number, body: unknown = undefined, headers: Record<string, string | string[]> = {}) {
  return readFailure({ status, headers, body, route, now: () => now, random: () => 0.5 })
}
const openai = (code: string, message = 'm') => ({ error: { message, type: 'invalid_request_error', code } })
const v1 = (code: string, more: object = {}) => ({ success: false, error: { code, message: 'm', ...more } })
const rest = (code: string) => ({ error: code, error_description: 'm' })

describe('the table', () => {
  it('holds each code and status once', () => {
    const keys = errorTable.map((row) => `${row.code} ${row.http}`)
    expect(new Set(keys).size).toBe(keys.length)
  })

  it.each(errorTable.map((row) => row.class))('has words for %s', (failureClass) => {
    expect(Object.hasOwn(classTexts, failureClass)).toBe(true)
    expect(failureClass).toMatch(/^[a-z0-9]+(_[a-z0-9]+)*$/)
  })

  it.each(errorTable.filter((row) => row.code !== null))('reads $code $http in every envelope and case', (row) => {
    const status = row.http ?? 401
    for (const wrap of [openai, v1, rest]) {
      for (const code of [row.code?.toUpperCase(), row.code]) {
        const failure = read(status, wrap(code ?? ''))
        expect(failure).toMatchObject({
          class: row.class,
          outcome: row.outcome,
          scope: row.scope,
          needsPerson: row.needsPerson ?? false,
          doubt: row.doubt ?? false,
          code,
          httpStatus: status,
        })
        expect(failure.maxAttempts).toBe(row.maxAttempts)
      }
    }
  })
})

describe('waits', () => {
  it('U01 takes the header as a delta in seconds, for the whole key', () => {
    expect(read(429, openai('rate_limit_exceeded'), { 'X-RateLimit-Reset': '2' })).toMatchObject({
      outcome: 'later',
      scope: 'key',
      waitMs: 2_000,
      class: 'rate_limited',
    })
  })

  it.each([undefined, '', '-1', 'NaN', 'soon', '1e9999', 'Infinity', '0x10'])(
    'U02 waits 1 to 2 s after %j',
    (value) => {
      const headers = value === undefined ? {} : { 'x-ratelimit-reset': value }
      expect(read(429, undefined, headers).waitMs).toBe(1_500)
      const edge = (random: number) =>
        readFailure({ status: 429, headers, body: {}, route, random: () => random }).waitMs
      expect(edge(0)).toBe(1_000)
      expect(edge(0.999)).toBeLessThanOrEqual(2_000)
    },
  )

  it('U03 reads a large value as a point in time, clamped to 900 s', () => {
    expect(read(429, undefined, { 'x-ratelimit-reset': '1795397210' }).waitMs).toBe(900_000)
    expect(read(429, undefined, { 'x-ratelimit-reset': '1795390030' }).waitMs).toBe(30_000)
    expect(read(429, undefined, { 'x-ratelimit-reset': '1700000000' }).waitMs).toBe(1_000)
    expect(read(429, undefined, { 'x-ratelimit-reset': String(now + 30_000) }).waitMs).toBe(30_000)
  })

  it('U04 does not clamp a long delta', () => {
    expect(read(429, undefined, { 'x-ratelimit-reset': '86400' }).waitMs).toBe(86_400_000)
  })

  it('takes the longest of both headers and the body, at least 1 s', () => {
    const headers = { 'x-ratelimit-reset': '3', 'retry-after': ['5', 'soon'] }
    expect(read(429, v1('RATE_LIMITED', { retryAfter: 4 }), headers).waitMs).toBe(5_000)
    expect(read(429, v1('RATE_LIMITED', { retryAfter: 7.5 }), headers).waitMs).toBe(7_500)
    expect(read(429, undefined, { 'x-ratelimit-reset': '0' }).waitMs).toBe(1_000)
    expect(read(429, undefined, { 'retry-after': new Date(now + 20_000).toUTCString() }).waitMs).toBe(20_000)
  })

  it('waits after any 429 whatever its code, also a code known for something else', () => {
    for (const code of ['SOMETHING_NEW', 'INVALID_API_KEY', 'QUERY_LIMIT_EXCEEDED']) {
      expect(read(429, v1(code))).toMatchObject({ outcome: 'later', scope: 'key', needsPerson: false, code })
    }
  })

  it('gives QUEUE_TIMEOUT its own wait, no doubt and no scope', () => {
    const expected = { class: 'queue_timeout', outcome: 'later', scope: 'none', doubt: false }
    expect(read(504, v1('QUEUE_TIMEOUT'))).toMatchObject({ ...expected, waitMs: 10_000 })
    expect(read(504, v1('QUEUE_TIMEOUT', { retryAfter: 4 }))).toMatchObject({ ...expected, waitMs: 4_000 })
  })

  it('waits 60 s when the loop breaker is on, under either status', () => {
    for (const status of [429, 502]) {
      expect(read(status, v1('ERROR_LOOP_DETECTED'))).toMatchObject({
        class: 'error_loop',
        outcome: 'later',
        waitMs: 60_000,
        doubt: false,
      })
    }
    expect(read(429, v1('ERROR_LOOP_DETECTED', { retryAfter: 90 })).waitMs).toBe(90_000)
  })

  it('U09 tells a disabled model from a portal that is at its limit', () => {
    expect(read(503, openai('model_unavailable'))).toMatchObject({
      outcome: 'permanent',
      scope: 'none',
      needsPerson: false,
    })
    expect(read(503, rest('QUERY_LIMIT_EXCEEDED'))).toMatchObject({
      outcome: 'later',
      class: 'portal_limit',
      doubt: false,
    })
    expect(read(503, undefined, { 'retry-after': '7' })).toMatchObject({ outcome: 'later', waitMs: 7_000, doubt: true })
    expect(read(503)).toMatchObject({ outcome: 'retry', class: 'service_unavailable' })
  })
})

describe('statuses', () => {
  it('falls back on the status for unknown codes and no body at all', () => {
    const cases: [number, object][] = [
      [400, { outcome: 'permanent', class: 'invalid_request', doubt: false }],
      [401, { outcome: 'permanent', needsPerson: true, scope: 'family' }],
      [402, { outcome: 'permanent', needsPerson: true, scope: 'model' }],
      [403, { outcome: 'permanent', needsPerson: false, scope: 'entity' }],
      [404, { outcome: 'permanent', class: 'not_found' }],
      [409, { outcome: 'permanent' }],
      [413, { outcome: 'permanent', class: 'too_large' }],
      [418, { outcome: 'permanent', class: 'client_error' }],
      [422, { outcome: 'permanent' }],
      [500, { outcome: 'retry', maxAttempts: 2, doubt: true, class: 'internal_error' }],
      [502, { outcome: 'retry', doubt: true }],
      [504, { outcome: 'retry', doubt: true }],
      [529, { outcome: 'retry', doubt: true, maxAttempts: 2 }],
      [302, { outcome: 'retry', class: 'bad_upstream', doubt: true }],
    ]
    for (const [status, expected] of cases) {
      for (const body of [
        undefined,
        null,
        'text',
        [],
        7,
        v1('BRAND_NEW'),
        openai(''),
        { error: null },
        { error: [] },
      ]) {
        expect(read(status, body)).toMatchObject({ ...expected, httpStatus: status })
      }
    }
  })

  it('closes what the failure is about', () => {
    expect(read(402, openai('insufficient_balance')).scope).toBe('model')
    expect(read(402, v1('BILLING_EXHAUSTED')).scope).toBe('family')
    expect(read(402, v1('TRIAL_EXPIRED'))).toMatchObject({ scope: 'family', class: 'trial_ended', needsPerson: true })
    expect(read(403, openai('scope_missing'))).toMatchObject({ scope: 'family', needsPerson: true })
    expect(read(403, v1('IP_NOT_ALLOWED'))).toMatchObject({ scope: 'family', needsPerson: true })
    expect(read(403, v1('BITRIX_ACCESS_DENIED'))).toMatchObject({ scope: 'entity', needsPerson: false })
    expect(read(403, v1('KEY_EXPIRED'))).toMatchObject({ scope: 'family', needsPerson: true, class: 'key_expired' })
  })

  it('believes the code of a 2xx that says it failed', () => {
    expect(read(200, v1('ENTITY_NOT_FOUND'))).toMatchObject({ class: 'not_found', outcome: 'permanent' })
  })
})

describe('words', () => {
  it('tells a person what was refused and what to do', () => {
    const failure = read(401, v1('INVALID_API_KEY', { message: 'Key revoked' }), { 'X-Request-Id': 'req-7' })
    expect(failure.message).toBe(`VibeCode refused the API key (401 INVALID_API_KEY) on ${route}: Key revoked`)
    expect(failure.hint).toContain('Put a valid key into VIBECODE_API_KEY')
    expect(failure.requestId).toBe('req-7')
    expect(describeClass('invalid_api_key')).toEqual({ title: 'VibeCode refused the API key', mend: failure.hint })
  })

  it('keeps both messages and the upstream hint', () => {
    const failure = read(
      422,
      v1('BITRIX_ERROR', { message: 'bad field', userMessage: 'Поле неверно', hint: 'see /fields' }),
    )
    expect(failure.message).toContain('bad field (Поле неверно)')
    expect(failure.hint).toContain('see /fields')
  })

  it('U21 never repeats the key, nor a token in an address', () => {
    const key = 'vibe_api_5f3c9a_very-secret'
    const body = v1(`CODE ${key}`, {
      message: `key ${key} and plain-secret-9 at https://p/rest?auth=abc123&x=1`,
      hint: `Bearer ${key}`,
    })
    const headers = { 'x-request-id': `r-${key}` }
    const failure = readFailure({ status: 400, headers, body, route, secrets: [key, 'plain-secret-9'] })
    expect(JSON.stringify(failure)).not.toMatch(/very-secret|plain-secret|abc123/)
    expect(failure.message).toContain('[sealed]')
  })

  it('caps long messages and flattens control characters', () => {
    const failure = read(400, openai('invalid_request', `a\n\u202eb\0${'x'.repeat(100_000)}`))
    expect(failure.message.length).toBeLessThan(500)
    expect(failure.message).not.toMatch(/[\p{Cc}\u202e]/u)
  })

  it('describes a class nobody listed by its own words', () => {
    expect(describeClass('no_such_thing').title).toBe('No such thing')
    expect(describeClass('constructor').title).toBe('Constructor')
    expect(describeClass('').title).toBe('Failed')
  })
})

describe('no answer', () => {
  it('is in doubt exactly when bytes had left', () => {
    const reset = Object.assign(new Error('x'), { code: 'ECONNRESET' })
    expect(readNetworkFailure(reset, { bytesSent: true, route })).toMatchObject({
      class: 'network',
      outcome: 'retry',
      doubt: true,
    })
    expect(readNetworkFailure(reset, { bytesSent: false, route })).toMatchObject({ doubt: false })
  })

  it('tells time-outs apart and looks through causes, without quoting messages', () => {
    const codes = ['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'UND_ERR_CONNECT_TIMEOUT', 'ETIMEDOUT']
    for (const code of codes) {
      const failure = readNetworkFailure(new Error('at https://p/?auth=abc', { cause: { code } }), { bytesSent: true })
      expect(failure).toMatchObject({ class: 'timeout', doubt: true })
      expect(failure.message).not.toContain('abc')
    }
    expect(readNetworkFailure(new DOMException('', 'TimeoutError'), { bytesSent: false }).class).toBe('timeout')
    expect(readNetworkFailure(new DOMException('', 'AbortError'), { bytesSent: false }).class).toBe('aborted')
    expect(readNetworkFailure(new AggregateError([{ code: 'ECONNREFUSED' }]), { bytesSent: false }).message).toContain(
      'ECONNREFUSED',
    )
    expect(readNetworkFailure('odd', { bytesSent: false }).class).toBe('network')
  })
})
