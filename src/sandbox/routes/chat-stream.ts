import type { Reply } from '../reply.ts'
import { isRecord } from './shared.ts'

interface Completion {
  readonly id: string
  readonly created: number
  readonly model: string
  readonly usage: unknown
}

/** The completion as Server-Sent Events, in pieces of twenty characters, ended by `[DONE]`. */
export function streamReply(
  completion: Completion,
  content: string,
  finishReason: string,
  body: Record<string, unknown>,
): Reply {
  const { id, created, model } = completion
  const base = { id, object: 'chat.completion.chunk', created, model }
  const chunk = (delta: unknown, finish: string | null) => ({
    ...base,
    choices: [{ index: 0, delta, finish_reason: finish }],
  })
  const events: unknown[] = [chunk({ role: 'assistant', content: '' }, null)]
  const letters = [...content]
  for (let at = 0; at < letters.length; at += 20)
    events.push(chunk({ content: letters.slice(at, at + 20).join('') }, null))
  events.push(chunk({}, finishReason))
  const options = body['stream_options']
  if (isRecord(options) && options['include_usage'] === true)
    events.push({ ...base, choices: [], usage: completion.usage })
  const text = `${events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('')}data: [DONE]\n\n`
  return { status: 200, bytes: Buffer.from(text), contentType: 'text/event-stream; charset=utf-8' }
}
