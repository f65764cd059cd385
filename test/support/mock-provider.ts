import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface SeenRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
  /** The answer has ended, or the other side has closed. */
  readonly closed: Promise<void>
}

type Play = (request: SeenRequest, response: ServerResponse) => void | Promise<void>

export interface MockProvider {
  readonly url: string
  readonly port: number
  readonly seen: SeenRequest[]
  /** How the next requests are answered; undefined = as a provider that works. */
  play: Play | undefined
  close(): Promise<void>
}

export const usage = { prompt_tokens: 12, completion_tokens: 18, total_tokens: 30 }

export function completion(content: string): Record<string, unknown> {
  return {
    id: 'chatcmpl-a1a73c6eb3f180fd',
    object: 'chat.completion',
    created: 1_777_289_339,
    model: 'upstream-model',
    choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content } }],
    usage,
  }
}

/** The frames of a streamed answer, one a word, the usage last. */
export function streamFrames(words: readonly string[]): string[] {
  const chunk = (rest: Record<string, unknown>) =>
    `data: ${JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1_777_289_339, model: 'upstream-model', ...rest })}\n\n`
  const choice = (delta: Record<string, unknown>, finish: string | null = null) => [
    { index: 0, delta, finish_reason: finish, logprobs: null },
  ]
  return [
    chunk({ choices: choice({ role: 'assistant', content: '' }), usage: null }),
    ...words.map((content) => chunk({ choices: choice({ content }), usage: null })),
    chunk({ choices: choice({}, 'stop'), usage: null }),
    chunk({ choices: [], usage }),
    'data: [DONE]\n\n',
  ]
}

export const heard = {
  task: 'transcribe',
  language: 'russian',
  duration: 6.5,
  text: 'Здравствуйте. Нам нужна CRM.',
  segments: [
    { id: 0, start: 0, end: 2.25, text: ' Здравствуйте.' },
    { id: 1, start: 2.25, end: 6.5, text: ' Нам нужна CRM.' },
  ],
}

function usual(request: SeenRequest, response: ServerResponse): void {
  const json = (value: unknown) => response.setHeader('content-type', 'application/json').end(JSON.stringify(value))
  if (request.path.endsWith('/models')) {
    json({ object: 'list', data: [{ id: 'qwen3:8b', object: 'model', created: 1, owned_by: 'local' }] })
    return
  }
  if (request.path.endsWith('/audio/transcriptions')) return void json(heard)
  const body = JSON.parse(request.body.toString('utf8')) as { stream?: boolean }
  if (body.stream !== true) return void json(completion('CRM is a customer relationship management system.'))
  response.setHeader('content-type', 'text/event-stream')
  for (const frame of streamFrames(['CRM', ' is', ' a', ' system.'])) response.write(frame)
  response.end()
}

/** A provider with an OpenAI-compatible API on this machine. */
export async function startMockProvider(): Promise<MockProvider> {
  const seen: SeenRequest[] = []
  const server = createServer(async (request, response) => {
    const pieces: Buffer[] = []
    try {
      for await (const piece of request) pieces.push(piece as Buffer)
    } catch {
      // Given up before it was whole.
      return
    }
    const one: SeenRequest = {
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      body: Buffer.concat(pieces),
      closed: new Promise((resolve) => response.once('close', () => resolve())),
    }
    seen.push(one)
    await (provider.play ?? usual)(one, response)
  })
  server.on('clientError', (_error, socket) => socket.destroy())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const provider: MockProvider = {
    url: `http://127.0.0.1:${port}/v1`,
    port,
    seen,
    play: undefined,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return provider
}
