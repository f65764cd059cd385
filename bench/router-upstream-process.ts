// The provider of the router's bench: it answers at once, streams 64 deltas a few milliseconds apart, and swallows recordings.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

const deltas = 64
const betweenMs = Number(process.argv[2] ?? '4')

const head = { created: 1_777_289_339, model: 'bench' }
const whole = Buffer.from(
  JSON.stringify({
    id: 'chatcmpl-bench',
    object: 'chat.completion',
    ...head,
    choices: [
      {
        index: 0,
        finish_reason: 'stop',
        logprobs: null,
        message: {
          role: 'assistant',
          refusal: null,
          content: 'CRM is a customer relationship management system. '.repeat(4),
        },
      },
    ],
    usage: { prompt_tokens: 12, completion_tokens: 40, total_tokens: 52 },
  }),
)
const frame = (rest: Record<string, unknown>) =>
  `data: ${JSON.stringify({ id: 'chatcmpl-bench', object: 'chat.completion.chunk', ...head, ...rest })}\n\n`
const frames = [
  ...Array.from({ length: deltas }, (_, n) =>
    frame({ choices: [{ index: 0, delta: { content: `<${n}>` }, finish_reason: null, logprobs: null }] }),
  ),
  frame({ choices: [{ index: 0, delta: {}, finish_reason: 'stop', logprobs: null }] }),
]
const heard = Buffer.from(
  JSON.stringify({ task: 'transcribe', language: 'russian', duration: 60, text: 'ok', segments: [] }),
)

async function read(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const piece of request) if (text.length < 4_096) text += String(piece)
  return text
}

async function stream(response: ServerResponse): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const one of frames) {
    response.write(one)
    await new Promise((resolve) => setTimeout(resolve, betweenMs))
  }
  response.write(frame({ choices: [], usage: { prompt_tokens: 12, completion_tokens: 64, total_tokens: 76 } }))
  response.end('data: [DONE]\n\n')
}

const server = createServer(async (request, response) => {
  const isSpeech = request.url?.endsWith('/audio/transcriptions') === true
  const text = await read(request)
  if (!isSpeech && text.includes('"stream":true')) return await stream(response)
  const body = isSpeech ? heard : whole
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body)
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
process.once('SIGTERM', () => process.exit(0))
