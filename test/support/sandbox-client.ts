import { Agent, request } from 'undici'
import { createLog } from '../../src/log.ts'
import { type Sandbox, type SandboxOptions, startSandbox } from '../../src/sandbox/sandbox.ts'

interface Answer {
  readonly status: number
  readonly headers: Record<string, string | string[] | undefined>
  readonly text: string
  readonly bytes: Buffer
  /** Parsed body; throws where it is no JSON. */
  json<Shape = Loose>(): Shape
}

/** A JSON answer whose shape the test states by what it reads. */
// biome-ignore lint/suspicious/noExplicitAny: tests read answers of many shapes, and fail where one differs
type Loose = any

interface Ask {
  readonly key?: string | null
  readonly body?: unknown
  readonly headers?: Record<string, string>
  readonly raw?: Buffer | string
  readonly timeoutMs?: number
}

export interface SandboxClient {
  readonly sandbox: Sandbox
  ask(method: string, path: string, options?: Ask): Promise<Answer>
  /** A control route; fails when it does not answer 200. */
  control<Shape = Loose>(method: string, path: string, body?: unknown): Promise<Shape>
  /** Sends audio as the client of an OpenAI API does. */
  upload(parts: Record<string, string | Buffer | undefined>, options?: Ask & { path?: string }): Promise<Answer>
  stop(): Promise<void>
}

/** A sandbox with one portal `acme` and wide limits, and a client that repeats nothing. */
export async function openSandbox(options: Partial<SandboxOptions> = {}): Promise<SandboxClient> {
  const sandbox = await startSandbox({ log: createLog('silent'), limits: { scale: 1000 }, ...options })
  sandbox.addPortal({ name: 'acme' })
  const dispatcher = new Agent({ pipelining: 1 })

  async function ask(method: string, path: string, given: Ask = {}): Promise<Answer> {
    const headers: Record<string, string> = { ...given.headers }
    const key = given.key === undefined ? 'vibe_api_sandbox_acme' : given.key
    if (key !== null) headers['x-api-key'] ??= key
    if (given.body !== undefined) headers['content-type'] ??= 'application/json'
    const body = given.raw ?? (given.body === undefined ? null : JSON.stringify(given.body))
    const url = path.startsWith('http') ? path : `${sandbox.origin}${path}`
    const bodyTimeout = given.timeoutMs ?? 20_000
    const answer = await request(url, { method, headers, body, dispatcher, headersTimeout: bodyTimeout, bodyTimeout })
    const bytes = Buffer.from(await answer.body.arrayBuffer())
    const text = bytes.toString('utf8')
    return { status: answer.statusCode, headers: answer.headers, text, bytes, json: () => JSON.parse(text) }
  }

  return {
    sandbox,
    ask,
    async control(method, path, body) {
      const answer = await ask(method, `/__sandbox${path}`, { key: null, body })
      if (answer.status !== 200) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`)
      return answer.json()
    },
    async upload(parts, { path = '/v1/audio/transcriptions', ...given } = {}) {
      const boundary = 'sandbox-test-boundary'
      const chunks: Buffer[] = []
      for (const [name, value] of Object.entries(parts)) {
        if (value === undefined) continue
        const file = Buffer.isBuffer(value) ? '; filename="call.mp3"\r\ncontent-type: audio/mpeg' : ''
        chunks.push(Buffer.from(`--${boundary}\r\ncontent-disposition: form-data; name="${name}"${file}\r\n\r\n`))
        chunks.push(Buffer.isBuffer(value) ? value : Buffer.from(value), Buffer.from('\r\n'))
      }
      chunks.push(Buffer.from(`--${boundary}--\r\n`))
      const headers = { ...given.headers, 'content-type': `multipart/form-data; boundary=${boundary}` }
      return ask('POST', path, { ...given, raw: Buffer.concat(chunks), headers })
    },
    async stop() {
      await sandbox.close()
      await dispatcher.destroy()
    },
  }
}
