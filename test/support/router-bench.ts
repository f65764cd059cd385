import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { request } from 'undici'
import { createRouterKey, type NewRouterKey, openKeyDigest } from '../../src/db/router-keys.ts'
import { createLog } from '../../src/log.ts'
import { type Router, type RouterOptions, startRouter } from '../../src/router/router.ts'
import { parseSettings, whisperModel } from '../../src/router/settings.ts'
import { createSealer } from '../../src/seal.ts'
import { openRecord, type RecordBench } from './engine-bench.ts'
import { type MockProvider, startMockProvider } from './mock-provider.ts'

export interface RouterBench {
  readonly router: Router
  readonly provider: MockProvider
  readonly record: RecordBench
  readonly key: string
  readonly tempRoot: string
  readonly logged: string[]
  makeKey(wanted?: Partial<NewRouterKey>): Promise<{ id: string; key: string }>
  /** JSON in, JSON out; a text where the answer is none. */
  send(
    method: 'GET' | 'POST' | 'PATCH' | 'DELETE' | 'PUT' | 'HEAD' | 'OPTIONS' | 'TRACE',
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<{ status: number; headers: Record<string, unknown>; body: unknown }>
  close(): Promise<void>
}

/** The operator's file of the tests: a chat model and a recogniser on the mock provider, mapped to `bitrix`. */
export function settingsFor(url: string): Record<string, unknown> {
  return {
    upstreams: { local: { baseUrl: url, apiKey: 'sk-operator-of-the-tests' } },
    models: [
      { id: 'bitrix/bitrixgpt-5.5', upstream: 'local', model: 'qwen3:8b', context: 32_768, can: ['json'] },
      { id: whisperModel, kind: 'transcription', upstream: 'local', model: 'whisper-large-v3-turbo' },
      { id: 'paid/chat', upstream: 'local', model: 'paid', input: '1', output: '2' },
    ],
    defaultModel: 'bitrix/bitrixgpt-5.5',
    defaultSpeechModel: whisperModel,
  }
}

/** A router on a record of its own (PGlite) before a mock provider. */
export async function startRouterBench(
  options: Omit<Partial<RouterOptions>, 'settings'> & {
    settings?: (url: string) => Record<string, unknown>
    /** Custom base URLs may name the mock provider. */
    allowMock?: boolean
  } = {},
): Promise<RouterBench> {
  const provider = await startMockProvider()
  const record = await openRecord('pglite', 'the router')
  if (record === undefined) throw new Error('PGlite is always there')
  const sealer = createSealer('a secret of the tests, long enough')
  const tempRoot = await mkdtemp(join(tmpdir(), 'callsift-router-'))
  const logged: string[] = []
  const log = createLog('trace', { write: (line) => void logged.push(line) })
  const { settings, allowMock, ...others } = options
  const router = await startRouter({
    db: record.db,
    sealer,
    log,
    host: '127.0.0.1',
    port: 0,
    tempRoot,
    allowHosts: allowMock === true ? [`127.0.0.1:${provider.port}`] : [],
    ...others,
    settings: parseSettings((settings ?? settingsFor)(provider.url), 'the settings of the test'),
  })
  const digest = await openKeyDigest(record.db, sealer)
  const makeKey: RouterBench['makeKey'] = (wanted = {}) =>
    createRouterKey(record.db, digest, {
      tenant: 'default',
      name: 'test',
      kind: 'api',
      scopes: ['vibe:ai'],
      perSecond: 100_000,
      tokensPerDay: null,
      budgetMicros: null,
      expiresAt: null,
      ...wanted,
    })
  const { key } = await makeKey()
  return {
    router,
    provider,
    record,
    key,
    tempRoot,
    logged,
    makeKey,
    send: async (method, path, body, headers = { 'x-api-key': key }) => {
      const raw = typeof body === 'string' || Buffer.isBuffer(body)
      const answer = await request(`${router.url}${path}`, {
        method,
        headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
        body: body === undefined ? null : raw ? body : JSON.stringify(body),
      })
      const text = await answer.body.text()
      const isJson = /json/.test(String(answer.headers['content-type'])) && text !== ''
      return { status: answer.statusCode, headers: answer.headers, body: isJson ? JSON.parse(text) : text }
    },
    close: async () => {
      await router.close()
      await provider.close()
      await record.close()
      await rm(tempRoot, { recursive: true, force: true })
    },
  }
}
