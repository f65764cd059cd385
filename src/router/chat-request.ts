import { checkImages } from './check-images.ts'
import type { JsonObject } from './read-json.ts'
import { RouterError } from './router-error.ts'

/** A chat request that was looked at, with nothing in it but what goes on. */
export interface ChatRequest {
  /** As it is sent on, `model` and stream options apart. */
  readonly fields: JsonObject
  readonly stream: boolean
  readonly streamOptions: JsonObject
  /** Whether the client itself wants the chunk with the usage. */
  readonly wantsUsage: boolean
  readonly wantsJson: boolean
  /** Rough, for budgets and for what is cut off: a token is about three characters. */
  readonly promptTokens: number
  readonly mostTokens: number
}

/** Fields that go on; what else is sent is left out. */
const known = [
  'messages temperature top_p n max_tokens max_completion_tokens stop presence_penalty frequency_penalty logit_bias',
  'logprobs top_logprobs response_format seed tools tool_choice parallel_tool_calls user reasoning_effort functions',
  'function_call modalities audio prediction service_tier metadata verbosity top_k min_p repetition_penalty',
  'web_search_options safety_identifier prompt_cache_key',
].flatMap((line) => line.split(' '))
/** Would point the provider's key at somebody else (CVE-2024-6587); refused by name, so that nobody wonders. */
const steering = ['api_base', 'base_url', 'api_key', 'headers', 'extra_headers', 'extra_body', 'extra_query']
const roles = new Set(['system', 'developer', 'user', 'assistant', 'tool', 'function'])
const formats = new Set(['text', 'json_object', 'json_schema'])
const mostMessages = 10_000
const usualAnswerTokens = 4_096

function refuse(param: string, message: string): RouterError {
  return new RouterError('invalid_request', message, { param })
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function checkNumber(body: JsonObject, name: string, low: number, high: number, whole = false): void {
  const value = body[name]
  if (value === undefined || value === null) return
  if (typeof value !== 'number' || value < low || value > high || (whole && !Number.isInteger(value))) {
    throw refuse(name, `${name} must be a ${whole ? 'whole ' : ''}number from ${low} to ${high}.`)
  }
}

function checkMessages(value: unknown): readonly JsonObject[] {
  if (!Array.isArray(value) || value.length === 0)
    throw refuse('messages', 'messages must be a list that is not empty.')
  if (value.length > mostMessages) throw refuse('messages', `messages may hold ${mostMessages}.`)
  for (const message of value as unknown[]) {
    if (!isObject(message)) throw refuse('messages', 'Each message must be an object.')
    const { role, content } = message
    if (typeof role !== 'string' || !roles.has(role)) throw refuse('messages', 'A message has no role that is known.')
    if (content !== undefined && content !== null && typeof content !== 'string' && !Array.isArray(content)) {
      throw refuse('messages', "A message's content must be text or a list of parts.")
    }
  }
  return value as JsonObject[]
}

function readFormat(value: unknown): boolean {
  if (value === undefined || value === null) return false
  const type = isObject(value) ? value['type'] : undefined
  if (typeof type !== 'string' || !formats.has(type)) {
    throw refuse('response_format', 'response_format must be of type text, json_object or json_schema.')
  }
  return type !== 'text'
}

/** Throws `RouterError` invalid_request or invalid_image_payload. `body` has passed `readJson`. */
export async function readChatRequest(
  body: JsonObject,
  isPublic: (link: string) => Promise<boolean>,
): Promise<ChatRequest> {
  for (const name of steering) {
    if (Object.hasOwn(body, name)) throw refuse(name, `${name} is not taken: where a request goes is not the caller's.`)
  }
  const messages = checkMessages(body['messages'])
  checkNumber(body, 'temperature', 0, 2)
  checkNumber(body, 'top_p', 0, 1)
  checkNumber(body, 'presence_penalty', -2, 2)
  checkNumber(body, 'frequency_penalty', -2, 2)
  checkNumber(body, 'n', 1, 16, true)
  checkNumber(body, 'max_tokens', 1, 10_000_000, true)
  checkNumber(body, 'max_completion_tokens', 1, 10_000_000, true)
  const { stream, stream_options: streamOptions } = body
  if (stream !== undefined && stream !== null && typeof stream !== 'boolean') {
    throw refuse('stream', 'stream must be true or false.')
  }
  if (streamOptions !== undefined && streamOptions !== null && !isObject(streamOptions)) {
    throw refuse('stream_options', 'stream_options must be an object.')
  }
  const wantsJson = readFormat(body['response_format'])
  await checkImages(messages, isPublic)
  const fields: JsonObject = {}
  for (const name of known) if (Object.hasOwn(body, name)) fields[name] = body[name]
  const most = body['max_completion_tokens'] ?? body['max_tokens']
  const choices = typeof body['n'] === 'number' ? body['n'] : 1
  return {
    fields,
    stream: stream === true,
    streamOptions: isObject(streamOptions) ? streamOptions : {},
    wantsUsage: isObject(streamOptions) && streamOptions['include_usage'] === true,
    wantsJson,
    promptTokens: countPrompt(messages),
    mostTokens: (typeof most === 'number' ? most : usualAnswerTokens) * choices,
  }
}

function countPrompt(messages: readonly JsonObject[]): number {
  let letters = 0
  for (const { content } of messages) {
    if (typeof content === 'string') letters += content.length
    else if (Array.isArray(content)) {
      for (const part of content as unknown[]) {
        if (isObject(part) && typeof part['text'] === 'string') letters += part['text'].length
      }
    }
  }
  return Math.ceil(letters / 3) + messages.length * 4
}
