import { readFile } from 'node:fs/promises'
import { connect as connectTcp, type Socket } from 'node:net'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Network } from '../../src/audio/guarded-connect.ts'
import { listRouterUsage } from '../../src/db/router-usage.ts'
import { UsageError } from '../../src/errors.ts'
import { startRouter } from '../../src/router/router.ts'
import { parseSettings } from '../../src/router/settings.ts'
import { createSealer } from '../../src/seal.ts'
import { eventually, silentLog } from '../support/engine-bench.ts'
import { streamFrames } from '../support/mock-provider.ts'
import { type RouterBench, settingsFor, startRouterBench } from '../support/router-bench.ts'

const corpus = JSON.parse(await readFile(new URL('../fixtures/ssrf.json', import.meta.url), 'utf8')) as {
  fakeDns: Record<string, string[]>
  deny: { id: string; url: string }[]
  allow: { id: string; url: string }[]
}

/** Names of the corpus and addresses of the internet, all played: whatever is dialled ends at the mock provider, and is noted. */
let dialled: string[] = []
let rebound = 0
const network: Network = {
  resolve: async (host) => {
    if (host === 'rebind.test') {
      rebound += 1
      return [{ address: rebound % 2 === 1 ? '93.184.216.34' : '127.0.0.1' }]
    }
    if (host === 'localhost') return [{ address: '127.0.0.1' }]
    const known = host === 'xn--80ak6aa92e.test' ? ['93.184.216.34'] : corpus.fakeDns[host]
    if (known === undefined) throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' })
    return known.map((address) => ({ address }))
  },
  dial: ({ address }) =>
    new Promise<Socket>((resolve, reject) => {
      dialled.push(address)
      const socket = connectTcp({ host: '127.0.0.1', port: bench.provider.port })
      socket.once('error', reject)
      socket.once('connect', () => resolve(Object.defineProperty(socket, 'remoteAddress', { value: address })))
    }),
}

let bench: RouterBench
beforeAll(async () => {
  bench = await startRouterBench({
    network,
    windows: { idleMs: 700 },
    settings: (url) => ({
      ...settingsFor(url),
      providers: {
        groq: { baseUrl: url },
        mistral: { baseUrl: url },
        deepseek: { baseUrl: url },
        openai: { baseUrl: url },
      },
    }),
  })
})
afterAll(async () => bench.close())
beforeEach(() => {
  bench.provider.play = undefined
  bench.provider.seen.length = 0
  dialled = []
})

const model = 'bitrix/bitrixgpt-5.5'
const messages = [{ role: 'user', content: 'x' }]
const path = '/v1/chat/completions'
const chat = (body: object, headers?: Record<string, string>) =>
  bench.send('POST', path, { model, messages, ...body }, headers)
const codeOf = ({ status, body }: { status: number; body: unknown }) =>
  `${status} ${(body as { error?: { code: string } }).error?.code ?? ''}`.trim()
const idOf = (answer: { body: unknown }) => (answer.body as { data: { id: string } }).data.id
const create = (body: object, headers?: Record<string, string>) =>
  bench.send('POST', '/v1/ai/credentials', body, headers)
const ownKey = async (tenant: string) => ({ 'x-api-key': (await bench.makeKey({ tenant })).key })

describe('who may', () => {
  test('G01 no key, a bad one, a revoked one, one in the address, two that differ', async () => {
    expect(codeOf(await chat({}, {}))).toBe('401 MISSING_API_KEY')
    expect(codeOf(await chat({}, { 'x-api-key': `${bench.key}x` }))).toBe('401 INVALID_API_KEY')
    const { id, key } = await bench.makeKey()
    await sql`update callsift.router_keys set revoked_at = now() where id = ${id}`.execute(bench.record.db)
    expect(codeOf(await chat({}, { 'x-api-key': key }))).toBe('401 INVALID_API_KEY')
    expect(codeOf(await bench.send('POST', `${path}?api_key=${bench.key}`, { messages }, {}))).toBe(
      '401 MISSING_API_KEY',
    )
    const other = (await bench.makeKey()).key
    expect(codeOf(await chat({}, { 'x-api-key': bench.key, authorization: `Bearer ${other}` }))).toBe(
      '401 INVALID_API_KEY',
    )
    expect((await chat({}, { authorization: `Bearer ${bench.key}` })).status).toBe(200)
    const { rows } = await sql<{ digest: string }>`select digest from callsift.router_keys`.execute(bench.record.db)
    expect(JSON.stringify(rows)).not.toContain(bench.key.slice(9))
  })

  test('G01 a key that was good is revoked within a second', async () => {
    const { id, key } = await bench.makeKey()
    const headers = { 'x-api-key': key }
    expect((await bench.send('GET', '/v1/models', undefined, headers)).status).toBe(200)
    await sql`update callsift.router_keys set revoked_at = now() where id = ${id}`.execute(bench.record.db)
    await eventually(async () => (await bench.send('GET', '/v1/models', undefined, headers)).status === 401, 3_000)
  })

  test('G02 a key without the scope', async () => {
    const { key } = await bench.makeKey({ scopes: ['crm'] })
    expect(codeOf(await chat({}, { 'x-api-key': key }))).toBe('403 scope_missing')
  })

  test('G27 a thousand requests at once over the limit', async () => {
    const { key } = await bench.makeKey({ perSecond: 5 })
    const answers = await Promise.all(
      Array.from({ length: 1_000 }, () => bench.send('GET', '/v1/models', undefined, { 'x-api-key': key })),
    )
    const refused = answers.filter(({ status }) => status === 429)
    expect(refused.length).toBeGreaterThan(900)
    for (const { headers, body, status } of refused) {
      expect(codeOf({ status, body })).toBe('429 RATE_LIMIT_EXCEEDED')
      expect(Number(headers['x-ratelimit-reset'])).toBeGreaterThanOrEqual(1)
      expect(Number.isInteger(Number(headers['x-ratelimit-reset']))).toBe(true)
      expect(Number(headers['retry-after'])).toBeGreaterThanOrEqual(1)
    }
  })
})

describe('what a chat request may hold', () => {
  test.each(['api_base', 'base_url', 'api_key', 'headers', 'extra_body'])('G03 %s', async (name) => {
    expect(codeOf(await chat({ [name]: 'http://attacker.test/' }))).toBe('400 invalid_request')
    expect(bench.provider.seen).toHaveLength(0)
  })

  test('G03 what is not known is left out, and upstream and key stay', async () => {
    await chat({ litellm_params: { api_base: 'http://attacker.test/' }, organization: 'x' })
    const [seen] = bench.provider.seen
    expect(Object.keys(JSON.parse(String(seen?.body)) as object).sort()).toEqual(['messages', 'model'])
    expect(seen?.headers.authorization).toBe('Bearer sk-operator-of-the-tests')
  })

  test.each([
    [7, '400 invalid_request'],
    ['../../x', '404 ai_model_not_found'],
    ['m'.repeat(10_000), '404 ai_model_not_found'],
    ['__proto__', '404 ai_model_not_found'],
    ['constructor', '404 ai_model_not_found'],
  ])('G04 the model %j', async (asked, expected) => {
    expect(codeOf(await chat({ model: asked }))).toBe(expected)
  })

  test.each([
    ['missing', undefined, '400'],
    ['none', [], '400'],
    ['text', 'hi', '400'],
    ['100,000', Array.from({ length: 100_000 }, () => ({ role: 'user', content: '' })), '400'],
    ['of root', [{ role: 'root', content: 'x' }], '400'],
    ['of 20 MB', [{ role: 'user', content: 'x'.repeat(20_000_000) }], '413'],
  ])('G05 messages: %s', async (_name, value, status) => {
    expect(codeOf(await chat({ messages: value }))).toBe(`${status} invalid_request`)
    expect(bench.provider.seen).toHaveLength(0)
  })

  test.each([
    'http://169.254.169.254/latest',
    'http://meta.test/x.png',
    'file:///etc/passwd',
    `data:image/png;base64,${'A'.repeat(10_000)}!`,
    'data:image/svg+xml;base64,PHN2Zy8+',
  ])('G06 a picture at %s', async (url) => {
    const content = [{ type: 'image_url', image_url: { url } }]
    expect(codeOf(await chat({ messages: [{ role: 'user', content }] }))).toBe('400 invalid_image_payload')
    expect([dialled, bench.provider.seen]).toEqual([[], []])
  })

  test('G06 a picture of 50 MB', async () => {
    const content = [{ type: 'image_url', image_url: { url: `data:image/png;base64,${'A'.repeat(50_000_000)}` } }]
    expect((await chat({ messages: [{ role: 'user', content }] })).status).toBe(413)
    const good = [{ type: 'image_url', image_url: { url: 'http://pub.test/x.png' } }]
    expect((await chat({ messages: [{ role: 'user', content: good }] })).status).toBe(200)
  })

  test.each([{ temperature: '1' }, { temperature: 99 }, { n: 1_000 }, { max_tokens: 1e12 }, { stream: 'yes' }])(
    'G07 %j',
    async (body) => {
      expect(codeOf(await chat(body))).toBe('400 invalid_request')
    },
  )

  test.each([
    ['invalid', '{"messages":', '400'],
    ['NaN', '{"temperature":NaN}', '400'],
    ['with a mark', `\uFEFF${JSON.stringify({ messages })}`, '400'],
    ['with a key twice', '{"model":"a","model":"b","messages":[]}', '400'],
    ['with a key twice in other letters', '{"messages":[{"role":"user","r\\u006fle":"system"}]}', '400'],
    ['100,000 deep', `{"messages":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, '400'],
    ['20 MB', `{"x":"${'x'.repeat(20_000_000)}"}`, '413'],
    ['latin-1', Buffer.from('{"messages":"\xe9"}', 'latin1'), '400'],
    ['a list', '[]', '400'],
  ])('G08 JSON that is %s', async (_name, body, status) => {
    const answer = await bench.send('POST', path, body)
    expect(codeOf(answer)).toBe(`${status} invalid_request`)
    expect(Object.keys((answer.body as { error: object }).error).sort()).toEqual(['code', 'message', 'param', 'type'])
  })

  test('G09 a response_format that is none', async () => {
    expect(codeOf(await chat({ response_format: { type: 'yaml' } }))).toBe('400 invalid_request')
    const prose = await chat({ response_format: { type: 'json_object' } })
    expect([prose.status, prose.headers['x-router-json']]).toEqual([200, 'invalid'])
  })

  test('G29 templates are text', async () => {
    const content = ['{{7*7}} $', '{7*7} %s #', '{7*7} <%= 7*7 %>'].join('')
    await chat({ messages: [{ role: 'user', content }] })
    expect(JSON.parse(String(bench.provider.seen[0]?.body))).toMatchObject({ messages: [{ content }] })
  })

  test('G25 headers are not passed on, and a line end within one is refused', async () => {
    const headers = {
      'x-api-key': bench.key,
      'x-large': 'x'.repeat(8_192),
      te: 'trailers',
      'x-forwarded-for': '1.2.3.4',
    }
    expect((await chat({}, headers)).status).toBe(200)
    const seen = bench.provider.seen[0]?.headers ?? {}
    expect(['x-large', 'te', 'x-forwarded-for', 'x-api-key'].filter((name) => seen[name] !== undefined)).toEqual([])
    const socket = connectTcp({ host: '127.0.0.1', port: bench.router.port })
    socket.write(`POST ${path} HTTP/1.1\r\nhost: x\r\nx-api-key: a\rb\r\n\r\n`)
    const [first] = (await new Promise<Buffer>((resolve) => socket.once('data', resolve))).toString().split('\r\n')
    socket.destroy()
    expect(first).toMatch(/ 400 /)
  })

  test('G11 a client that does not read holds the provider up, and is cut off', async () => {
    let written = 0
    let closed = false
    bench.provider.play = async (request, response) => {
      void request.closed.then(() => {
        closed = true
      })
      response.setHeader('content-type', 'text/event-stream')
      const frame = streamFrames(['x'.repeat(60_000)])[1] ?? ''
      while (!closed && written < 400_000_000) {
        written += frame.length
        if (!response.write(frame)) {
          await Promise.race([new Promise((resolve) => response.once('drain', resolve)), request.closed])
        }
      }
    }
    const socket = connectTcp({ host: '127.0.0.1', port: bench.router.port })
    socket.pause()
    const body = JSON.stringify({ model, messages, stream: true })
    socket.write(
      `POST ${path} HTTP/1.1\r\nhost: x\r\nx-api-key: ${bench.key}\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    )
    await eventually(() => closed)
    expect(written).toBeLessThan(60_000_000)
    socket.destroy()
  })
})

describe('base URLs that a caller chooses', () => {
  test.each(['ftp://pub.test/', 'pub.test/v1', '', 7])('G14 %j', async (baseUrl) => {
    expect(codeOf(await create({ provider: 'custom', baseUrl }))).toBe('400 base_url_invalid')
  })

  test.each(corpus.deny.filter(({ id }) => id !== 'D06'))('G15 $id $url', async ({ id, url }) => {
    // Redirects are not followed: what answers with one has not let the key in.
    bench.provider.play = (_request, response) => void response.writeHead(302, { location: 'http://127.0.0.1/' }).end()
    const code = codeOf(await create({ provider: 'custom', baseUrl: url, apiKey: 'k' }))
    const redirects = ['R07', 'R09'].includes(id)
    expect(code).toMatch(redirects ? /^422 credential_invalid$/ : /^400 base_url_(private|invalid)$/)
    expect(dialled.filter((address) => address !== '93.184.216.34')).toEqual([])
  })

  test('G15 a name that is none', async () => {
    expect(codeOf(await create({ provider: 'custom', baseUrl: 'http://nxdomain.test/v1' }))).toBe(
      '400 base_url_private',
    )
  })

  test.each(corpus.allow)('G15 $id $url is let in', async ({ url }) => {
    const answer = await create({ provider: 'custom', baseUrl: url, apiKey: 'k' }, await ownKey('let-in'))
    expect(codeOf(answer)).toMatch(/^201$|base_url_invalid/)
  })

  test('G16 public when it is connected, private when it is used', async () => {
    rebound = 0
    bench.provider.play = (_request, response) =>
      void response.writeHead(200, { connection: 'close' }).end('{"data":[]}')
    const headers = await ownKey('rebinds')
    const id = idOf(await create({ provider: 'custom', baseUrl: 'http://rebind.test/v1', apiKey: 'k' }, headers))
    await bench.send('POST', `/v1/ai/credentials/${id}/models`, { modelId: 'm' }, headers)
    bench.provider.seen.length = 0
    dialled = []
    expect(codeOf(await chat({ model: 'custom/m' }, headers))).toBe('502 ai_provider_unavailable')
    expect([dialled, bench.provider.seen]).toEqual([[], []])
  })

  test('G17 another address needs the key again', async () => {
    const headers = await ownKey('moves')
    const id = idOf(
      await create({ provider: 'custom', baseUrl: 'http://pub.test/v1', apiKey: 'the-key-of-pub-test' }, headers),
    )
    bench.provider.seen.length = 0
    const patch = (body: object) => bench.send('PATCH', `/v1/ai/credentials/${id}`, body, headers)
    expect(codeOf(await patch({ baseUrl: 'http://93.184.216.34/v1' }))).toBe('400 invalid_request')
    expect(bench.provider.seen).toHaveLength(0)
    expect((await patch({ baseUrl: 'http://93.184.216.34/v1', apiKey: 'another-long-key' })).status).toBe(200)
    expect(bench.provider.seen[0]?.headers.authorization).toBe('Bearer another-long-key')
    expect((await patch({ label: 'House' })).body).toMatchObject({ data: { label: 'House', keyLast4: '-key' } })
  })
})

describe('credentials', () => {
  test('G18 of another tenant, or of nobody', async () => {
    const id = idOf(await create({ provider: 'groq', apiKey: 'gsk-of-the-owner' }, await ownKey('owner')))
    const stranger = await ownKey('stranger')
    for (const asked of [
      id,
      '1',
      '2',
      '00000000-0000-0000-0000-000000000000',
      '1;drop',
      encodeURIComponent("' or 1=1"),
    ]) {
      for (const [method, rest] of [
        ['PATCH', ''],
        ['DELETE', ''],
        ['POST', '/test'],
        ['GET', '/usage'],
        ['GET', '/models'],
      ] as const) {
        const answer = await bench.send(
          method,
          `/v1/ai/credentials/${asked}${rest}`,
          method === 'PATCH' ? {} : undefined,
          stranger,
        )
        expect(answer.body).toEqual({ success: false, error: { code: 'not_found', message: 'Credential not found' } })
        expect(answer.status).toBe(404)
      }
    }
  })

  test('G19 the same provider twice, also fifty at once', async () => {
    const headers = await ownKey('twice')
    const made = await Promise.all(
      Array.from({ length: 50 }, () => create({ provider: 'groq', apiKey: 'gsk-the-same-key' }, headers)),
    )
    const codes = made.map(codeOf)
    expect(codes.filter((code) => code === '201')).toHaveLength(1)
    expect(codes.filter((code) => code === '409 already_exists')).toHaveLength(49)
  })

  test('G20 a provider that is none; models of one that is not Custom', async () => {
    expect(codeOf(await create({ provider: 'acme', apiKey: 'k' }))).toBe('404 provider_not_found')
    const headers = await ownKey('not-custom')
    const id = idOf(await create({ provider: 'groq', apiKey: 'gsk-not-custom' }, headers))
    for (const rest of ['models', 'fetch-models']) {
      const answer = await bench.send('POST', `/v1/ai/credentials/${id}/${rest}`, { modelId: 'x' }, headers)
      expect(codeOf(answer)).toBe('400 not_custom_provider')
    }
  })

  test('G21 a key that fails its check, and G22 no more than its end anywhere', async () => {
    bench.provider.play = (_request, response) =>
      void response.writeHead(401).end('{"error":"Incorrect key sk-of-a-person-9876"}')
    const refused = await create({ provider: 'mistral', apiKey: 'sk-of-a-person-9876' })
    expect(codeOf(refused)).toBe('422 credential_invalid')
    expect(JSON.stringify(refused.body)).not.toMatch(/Incorrect|9876/)
    bench.provider.play = undefined
    const headers = await ownKey('shown')
    const made = await create({ provider: 'mistral', apiKey: 'sk-of-a-person-9876' }, headers)
    const listed = await bench.send('GET', '/v1/ai/credentials', undefined, headers)
    expect(listed.body).toMatchObject({ data: [{ provider: 'mistral', keyLast4: '9876', status: 'valid' }] })
    const { rows } = await sql`select * from callsift.router_credentials`.execute(bench.record.db)
    const audit = await sql`select * from callsift.audit`.execute(bench.record.db)
    expect(audit.rows.length).toBeGreaterThan(0)
    expect(JSON.stringify([made.body, listed.body, rows, audit.rows, bench.logged])).not.toContain('of-a-person')
  })

  test('a provider that refuses the key in use takes the credential out; a test takes it back', async () => {
    const headers = await ownKey('refused')
    const id = idOf(await create({ provider: 'groq', apiKey: 'gsk-to-be-refused' }, headers))
    const ask = () => chat({ model: 'groq/llama-3.3-70b-versatile' }, headers)
    expect((await ask()).status).toBe(200)
    bench.provider.play = (_request, response) => void response.writeHead(403).end()
    expect(codeOf(await ask())).toBe('502 ai_provider_unavailable')
    await eventually(async () => codeOf(await ask()) === '402 ai_credentials_not_configured')
    bench.provider.play = undefined
    expect((await bench.send('POST', `/v1/ai/credentials/${id}/test`, undefined, headers)).body).toMatchObject({
      success: true,
    })
    expect((await ask()).status).toBe(200)
    const used = await bench.send('GET', `/v1/ai/credentials/${id}/usage`, undefined, headers)
    expect(used.body).toMatchObject({ data: { totals: { requests: 2, totalTokens: 60 } } })
    expect((await bench.send('DELETE', `/v1/ai/credentials/${id}`, undefined, headers)).status).toBe(200)
    expect(codeOf(await ask())).toBe('402 ai_credentials_not_configured')
  })

  test('G23 lists of models: a million, a page, none', async () => {
    const headers = await ownKey('lists')
    const id = idOf(await create({ provider: 'custom', baseUrl: 'http://pub.test/v1' }, headers))
    const fetchModels = () => bench.send('POST', `/v1/ai/credentials/${id}/fetch-models`, undefined, headers)
    for (const [status, body] of [
      [200, '<html>'],
      [404, '{}'],
      [200, '{"data":7}'],
    ] as const) {
      bench.provider.play = (_request, response) => void response.writeHead(status).end(body)
      const answer = await fetchModels()
      expect(codeOf(answer)).toBe('200 provider_list_models_unavailable')
    }
    const rows = Array.from({ length: 1_000_000 }, (_, n) => `{"id":"m${n}","object":"model"}`)
    bench.provider.play = (_request, response) => void response.end(`{"object":"list","data":[${rows.join(',')}]}`)
    expect((await fetchModels()).body).toMatchObject({ data: { found: 2_000, added: 2_000 } })
    const models = await bench.send('GET', `/v1/ai/credentials/${id}/models`, undefined, headers)
    const { data } = models.body as { data: { id: string; name: string }[] }
    expect(data).toHaveLength(2_000)
    const first = data[0]?.id ?? ''
    expect((await bench.send('DELETE', `/v1/ai/credentials/${id}/models/${first}`, undefined, headers)).status).toBe(
      200,
    )
    expect(codeOf(await bench.send('DELETE', `/v1/ai/credentials/${id}/models/${first}`, undefined, headers))).toBe(
      '404 not_found',
    )
  })

  test.each(['-1', 'abc', '1e9', '7;--', '0', '1.5', ''])('G24 usage of %j days', async (days) => {
    const answer = await bench.send('GET', `/v1/ai/usage?days=${encodeURIComponent(days)}`)
    expect(answer.body).toMatchObject({ success: false, error: { code: 'invalid_request' } })
    expect(answer.status).toBe(400)
  })

  test("the page's third sample: usage of seven days", async () => {
    const { key } = await bench.makeKey()
    await chat({ model: 'paid/chat' }, { 'x-api-key': key })
    const answer = await bench.send('GET', '/v1/ai/usage?days=7', undefined, { 'x-api-key': key })
    // 12 tokens at 1 and 18 at 2 units a million: 48 millionths.
    const sums = { requests: 1, promptTokens: 12, completionTokens: 18, totalTokens: 30, costMicros: 48 }
    expect(answer.body).toMatchObject({
      success: true,
      data: { days: 7, totals: sums, byModel: [{ model: 'paid/chat', ...sums }] },
    })
  })

  test('a budget stops before it is overdrawn, by fifty at once too; what is free goes on', async () => {
    // Each may cost 5 + 2 x 10: a budget of 60 has room for two at a time, and 48 of each is spent: one.
    const { key } = await bench.makeKey({ budgetMicros: 60 })
    const headers = { 'x-api-key': key }
    const asked = await Promise.all(
      Array.from({ length: 50 }, () => chat({ model: 'paid/chat', max_tokens: 10 }, headers)),
    )
    const served = asked.filter(({ status }) => status === 200).length
    expect(served).toBeGreaterThan(0)
    expect(served).toBeLessThanOrEqual(2)
    expect(codeOf(await chat({ model: 'paid/chat', max_tokens: 10 }, headers))).toBe('402 insufficient_balance')
    expect((await chat({}, headers)).status).toBe(200)
  })

  test('what cannot be written is kept, and stands once in the record when that takes it again', async () => {
    const { id, key } = await bench.makeKey()
    const rename = (from: string, to: string) =>
      sql`alter table callsift.${sql.raw(from)} rename to ${sql.raw(to)}`.execute(bench.record.db)
    await rename('router_usage', 'router_usage_away')
    try {
      for (let n = 0; n < 3; n += 1) await chat({ model: 'paid/chat' }, { 'x-api-key': key })
      await expect(bench.router.flush()).rejects.toThrow()
    } finally {
      await rename('router_usage_away', 'router_usage')
    }
    await bench.router.flush()
    await bench.router.flush()
    const rows = await listRouterUsage(bench.record.db, { since: '2020-01-01', keyId: id })
    expect(rows).toMatchObject([{ requests: 3, promptTokens: 36, costMicros: 144 }])
  })
})

describe('the rest', () => {
  test('G26 the old routes answer the same, and say that they are old', async () => {
    const old = await bench.send('POST', '/v1/ai/chat/completions', { model, messages })
    expect(old.body).toEqual((await chat({})).body)
    expect([old.headers['deprecation'], old.headers['x-deprecated-use']]).toEqual(['true', path])
    for (const [from, to] of [
      ['/v1/ai/models', '/v1/models'],
      [`/v1/ai/models/${model}`, `/v1/models/${model}`],
      [`/v1/ai/models/${encodeURIComponent(model)}`, `/v1/models/${model}`],
    ] as const) {
      const answer = await bench.send('GET', from)
      expect(answer.headers['x-deprecated-use']).toBe(to)
      expect(answer.body).toEqual((await bench.send('GET', to)).body)
    }
    const speech = await bench.send('POST', '/v1/ai/audio/transcriptions', {})
    expect([codeOf(speech), speech.headers['x-deprecated-use']]).toEqual(['400 no_file', '/v1/audio/transcriptions'])
  })

  test.each([
    ['HEAD', path, 405],
    ['OPTIONS', path, 405],
    ['TRACE', path, 405],
    ['GET', path, 405],
    ['GET', '/v1/nothing', 404],
    ['GET', '/v1/models/%E0%A4%A', 404],
    ['POST', '/v1/ai/nothing', 404],
  ] as const)('G28 %s %s is %i', async (method, at, status) => {
    const answer = await bench.send(method, at)
    expect(answer.status).toBe(status)
    expect(String(answer.headers['content-type'])).toContain('application/json')
    expect(JSON.stringify(answer.body)).not.toContain(bench.key)
  })

  test('G30 with another secret key it does not start', async () => {
    const settings = parseSettings(settingsFor(bench.provider.url), 'test')
    const start = startRouter({
      db: bench.record.db,
      sealer: createSealer('a secret that is another one'),
      log: silentLog,
      settings,
      host: '127.0.0.1',
      port: 0,
      tempRoot: bench.tempRoot,
    })
    await expect(start).rejects.toThrow(UsageError)
  })

  test.each([
    ['a row of another tenant', (_own: string, theirs: string) => theirs],
    [
      'a letter that is another one',
      (own: string) => `${own.slice(0, -10)}${own.at(-10) === 'A' ? 'B' : 'A'}${own.slice(-9)}`,
    ],
  ])('G30 %s does not open', async (name, spoil) => {
    const [mine, theirs] = [await ownKey(`mine-${name.length}`), await ownKey(`theirs-${name.length}`)]
    const own = idOf(await create({ provider: 'groq', apiKey: 'gsk-mine-abcdefgh' }, mine))
    const other = idOf(await create({ provider: 'groq', apiKey: 'gsk-theirs-abcdefgh' }, theirs))
    const sealedOf = async (id: string) => {
      const { rows } = await sql<{ sealed: string }>`select key_sealed as sealed from callsift.router_credentials
        where id = ${id}::uuid`.execute(bench.record.db)
      return rows[0]?.sealed ?? ''
    }
    const spoiled = spoil(await sealedOf(own), await sealedOf(other))
    await sql`update callsift.router_credentials set key_sealed = ${spoiled} where id = ${own}::uuid`.execute(
      bench.record.db,
    )
    bench.provider.seen.length = 0
    await eventually(
      async () => codeOf(await chat({ model: 'groq/llama-3.3-70b-versatile' }, mine)) === '502 ai_provider_unavailable',
    )
    const answer = await chat({ model: 'groq/llama-3.3-70b-versatile' }, mine)
    expect(JSON.stringify(answer.body)).not.toMatch(/gsk-/)
    expect(bench.provider.seen.filter(({ headers }) => String(headers.authorization).includes('theirs'))).toEqual([])
    const { rows } =
      await sql`select 1 from callsift.audit where action = 'credential.unreadable' and subject = ${`credential ${own}`}`.execute(
        bench.record.db,
      )
    expect(rows.length).toBeGreaterThan(0)
  })
})
