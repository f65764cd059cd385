import { converse, reportProse } from './chat-model.ts'
import { writeAbout } from './copywriter.ts'
import { extractFrom } from './extractor.ts'
import { readInstruction } from './gullible.ts'
import { judge } from './judge.ts'
import { isRecord } from './routes/shared.ts'

/**
 * `honest` judges the transcript by judge.ts. `gullible` obeys what the transcript tells it to do. `verbose` wraps its JSON
 * in prose and a fence. `broken` answers invalid JSON.
 */
export const modelModes = ['honest', 'gullible', 'verbose', 'broken'] as const
export type ModelMode = (typeof modelModes)[number]

export interface ChatMessage {
  readonly role: string
  readonly content: string
}

/** Text of a message's content, also of one in parts. */
export function messageText(content: unknown): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return content
    .map((part: unknown) => (isRecord(part) && typeof part['text'] === 'string' ? part['text'] : ''))
    .join('\n')
}

/**
 * What stands between the transcript's delimiters. A delimiter carries a nonce (six or more letters and digits, at least one
 * digit) that its writer drew for this one request: the text between its first and its last occurrence is the transcript,
 * whatever imitations of a delimiter stand inside. Without a nonce: <transcript>…</transcript>, else the whole message.
 */
function fencedText(message: string): string {
  const marked =
    /^[^\n]{0,80}?(?:transcript|data|запись|разговор|begin|<<<|\[\[|<)[^\n]{0,40}?\b((?=[\w-]*\d)[\w-]{6,64})[^\n]*$/im.exec(
      message,
    )
  const tag = /<(\w+-[0-9a-f]{6,64})>[^\n]*$/m.exec(message)
  const opening = tag ?? marked
  const nonce = opening?.[1]
  if (opening && nonce !== undefined) {
    const from = opening.index + opening[0].length
    const last = message.lastIndexOf(nonce)
    if (last > from)
      return message.slice(from, message.lastIndexOf('\n', last) > from ? message.lastIndexOf('\n', last) : last).trim()
  }
  const plain = /<transcript\b[^>]*>([\s\S]*)<\/transcript>/i.exec(message)
  return (plain?.[1] ?? message).trim()
}

/** The transcript among the messages: the first user message with a fence, else the first user message. */
function transcriptOf(messages: readonly ChatMessage[]): string {
  const users = messages.filter((message) => message.role === 'user').map((message) => message.content)
  const fenced = users.find((text) => fencedText(text) !== text.trim())
  return fencedText(fenced ?? users[0] ?? '')
}

/** Keys that the instructions name in a JSON example beyond the three of a verdict: filled in, so that a rubric gets its answer. */
function furtherKeys(messages: readonly ChatMessage[], schema: unknown): Record<string, unknown> {
  const further: Record<string, unknown> = {}
  if (isRecord(schema)) {
    const properties = isRecord(schema['properties']) ? schema['properties'] : {}
    for (const [name, shape] of Object.entries(properties)) further[name] = emptyValue(isRecord(shape) ? shape : {})
    return further
  }
  const instructions = messages
    .filter((message) => message.role === 'system' || message.role === 'developer')
    .map((message) => message.content)
  for (const [, name = '', value = ''] of instructions
    .join('\n')
    .matchAll(/"([A-Za-z_]\w{1,40})"\s*:\s*(["[{\dtfn]?)/g)) {
    further[name] = value === '[' ? [] : value === '{' ? {} : value === '"' ? '' : null
  }
  return further
}

function emptyValue(shape: Record<string, unknown>): unknown {
  const type = Array.isArray(shape['type']) ? shape['type'][0] : shape['type']
  const allowed = shape['enum']
  if (Array.isArray(allowed)) return allowed[0]
  if (type === 'array') return []
  if (type === 'object')
    return Object.fromEntries(
      Object.entries(isRecord(shape['properties']) ? shape['properties'] : {}).map(([name, inner]) => [
        name,
        emptyValue(isRecord(inner) ? inner : {}),
      ]),
    )
  if (type === 'boolean') return false
  return type === 'integer' || type === 'number' ? 0 : ''
}

export interface ChatRequest {
  readonly messages: readonly ChatMessage[]
  /** JSON is asked for: response_format json_object or json_schema. */
  readonly json: boolean
  readonly schema?: unknown
}

/** What is asked for besides verdicts, told by the name of the fence around its data. */
function otherWork(messages: readonly ChatMessage[], data: string): Record<string, unknown> | undefined {
  const kind = messages.map((one) => /^<(product|contact)-[0-9a-f]{6,64}>$/m.exec(one.content)?.[1]).find(Boolean)
  if (kind === 'contact') return extractFrom(data)
  if (kind !== 'product') return undefined
  return { text: writeAbout(data, messages.find((one) => one.role === 'system')?.content ?? '') }
}

/** The model's answer, before tokens and envelope. */
export function answer(request: ChatRequest, mode: ModelMode): string {
  const transcript = transcriptOf(request.messages)
  const { quality, score, reason } = judge(transcript)
  if (!request.json) {
    const start = transcript.replace(/\s+/g, ' ').slice(0, 120)
    return `SANDBOX: ${reason} (${quality}, ${score}/100) «${start}»`
  }
  const further = furtherKeys(request.messages, request.schema)
  const verdict: Record<string, unknown> =
    otherWork(request.messages, transcript) ??
    ('answer' in further
      ? { ...further, answer: converse(transcript, mode === 'gullible') }
      : 'prose' in further
        ? { ...further, prose: reportProse(transcript) }
        : { ...further, quality, score, reason })
  const mayObey = !('answer' in further) && !('prose' in further)
  if (mode === 'gullible' && mayObey) Object.assign(verdict, readInstruction(transcript))
  const text = JSON.stringify(verdict)
  if (mode === 'verbose')
    return `Here is my assessment of the call:\n\n\`\`\`json\n${JSON.stringify(verdict, null, 2)}\n\`\`\`\n\nLet me know if you need anything else.`
  return mode === 'broken' ? text.slice(0, Math.max(1, Math.floor(text.length * 0.7))) : text
}
