import { describe, expect, test } from 'vitest'
import { rememberSecret } from '../../src/known-secrets.ts'
import { createLog } from '../../src/log.ts'
import { scrubSecrets } from '../../src/scrub-secrets.ts'

const key = 'canary-key-of-a-shape-nobody-knows-77'
const vibe = 'vibe_api_0123456789abcdefCANARY'

function logged(write: (log: ReturnType<typeof createLog>) => void): string {
  const lines: string[] = []
  write(createLog('trace', { write: (line) => lines.push(line) }))
  expect(lines).toHaveLength(1)
  const text = lines.join('')
  // A scrubbed line is still one of JSON.
  expect(() => JSON.parse(text)).not.toThrow()
  return text
}

/** An error as HTTP clients make them, with the request it belongs to. */
const failure = (secret: string) =>
  Object.assign(new Error(`request with ${secret} failed`, { cause: new Error(`cause ${secret}`) }), {
    config: { headers: { 'X-Api-Key': secret } },
  })

const shapes: [string, (log: ReturnType<typeof createLog>, secret: string) => void][] = [
  ['a key at the root', (log, secret) => log.info({ apiKey: secret }, 'x')],
  ['a key one level down', (log, secret) => log.info({ portal: { apiKey: secret } }, 'x')],
  ['a key two levels down', (log, secret) => log.info({ a: { portal: { apiKey: secret } } }, 'x')],
  ['the message', (log, secret) => log.info(`asked with ${secret}`)],
  ['a message with its arguments', (log, secret) => log.info('asked with %s', secret)],
  ['an object in the message', (log, secret) => log.info('asked with %o', { key: secret })],
  ['an error', (log, secret) => log.error(failure(secret))],
  ['an error under err', (log, secret) => log.error({ err: failure(secret) }, 'x')],
  ['an error under another name', (log, secret) => log.error({ error: failure(secret).config }, 'x')],
  ['an address', (log, secret) => log.info({ url: `https://x.test/a?token=${encodeURIComponent(secret)}&b=1` }, 'x')],
  ['headers as a list', (log, secret) => log.info({ headers: ['X-Api-Key', secret] }, 'x')],
  ['headers in capitals', (log, secret) => log.info({ headers: { AUTHORIZATION: `Bearer ${secret}` } }, 'x')],
  ['what a child is bound to', (log, secret) => log.child({ key: secret }).info('x')],
  ['a name nobody listed', (log, secret) => log.info({ anything: { at: { all: [secret] } } }, 'x')],
  ['a text of JSON', (log, secret) => log.info({ body: JSON.stringify({ apiKey: secret }) }, 'x')],
  ['base64', (log, secret) => log.info({ basic: Buffer.from(secret).toString('base64') }, 'x')],
  ['bytes in hex', (log, secret) => log.info({ bytes: Buffer.from(secret).toString('hex') }, 'x')],
]

describe('E2 the log', () => {
  rememberSecret(key)
  rememberSecret(vibe)

  test('has seventeen shapes to stand', () => expect(shapes).toHaveLength(17))

  test.each(shapes)('E2 %s', (_name, write) => {
    for (const secret of [key, vibe]) {
      const text = logged((log) => write(log, secret))
      for (const spelling of [
        secret,
        Buffer.from(secret).toString('base64').replace(/=+$/, ''),
        Buffer.from(secret).toString('hex'),
        encodeURIComponent(secret),
      ])
        expect(text).not.toContain(spelling)
    }
  })

  test('E2 takes out what it was not told of, by its shape', () => {
    for (const text of [
      'vibe_app_SECRETsecret99',
      'https://b24.test/rest/1/q1w2e3r4t5y6u7i8/crm.deal.list',
      'postgres://callsift:SECRETsecret99@db/callsift',
      'redis://:SECRETsecret99@redis:6379',
      '/webhooks/bitrix24/robot/SECRETsecret99?x=1',
      'Authorization: Basic U0VDUkVUc2VjcmV0OTk=',
      'sk-SECRETsecret99SECRETsecret99',
    ]) {
      const line = logged((log) => log.info({ text }, text))
      expect(line).not.toMatch(/SECRETsecret99|q1w2e3r4t5y6u7i8|U0VDUkVU/)
      expect(line).toContain('[sealed]')
    }
  })

  test('E2 shortens phone numbers, and leaves ids and times alone', () => {
    const line = logged((log) => log.info({ stepId: '79123456789', at: 1_795_397_210_123 }, 'call of +79123456789'))
    expect(line).toContain('call of +…6789')
    expect(line).toContain('"stepId":"79123456789"')
    expect(line).toContain('1795397210123')
  })

  test('a line of a megabyte costs no more than a blink', () => {
    const before = process.cpuUsage()
    scrubSecrets('a.b-c+d:/'.repeat(110_000))
    const { user, system } = process.cpuUsage(before)
    expect((user + system) / 1_000).toBeLessThan(1_000)
  })
})
