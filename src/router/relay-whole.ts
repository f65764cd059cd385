import { readBytes } from '../vibecode/answer-body.ts'
import { sendJson } from './exchange.ts'
import type { Used } from './meter.ts'
import type { JsonObject } from './read-json.ts'
import { type Relay, readUsage, usedBy } from './relay.ts'
import { RouterError } from './router-error.ts'

const maxAnswerBytes = 64 * 1024 * 1024

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A completion in one piece, made whole by OpenAI's schema. Throws `RouterError` where the provider's answer is no completion. */
export async function relayWhole(relay: Relay): Promise<Used> {
  const { kit, exchange, answer, headers } = relay
  const completion = await readCompletion(relay)
  const choices = completion['choices'] as unknown[]
  const content = choices.map((choice) => (isObject(choice) && isObject(choice['message']) ? choice['message'] : {}))
  const letters = content.reduce((sum, { content: text }) => sum + (typeof text === 'string' ? text.length : 0), 0)
  const whole = {
    id: `chatcmpl-${exchange.response.getHeader('x-request-id')}`,
    created: Math.floor(kit.now() / 1000),
    ...completion,
    object: 'chat.completion',
    model: answer.target.modelId,
    choices: choices.map(completeChoice),
  }
  const broken = relay.wanted.wantsJson && content.some(({ content: text }) => !isJson(text))
  sendJson(exchange.response, 200, whole, {
    ...headers,
    // Said and not mended: what the model wrote is the client's to judge.
    ...(broken ? { 'x-router-json': 'invalid' } : {}),
  })
  return usedBy(relay, readUsage(completion['usage']), Math.ceil(letters / 3))
}

async function readCompletion({ answer, exchange }: Relay): Promise<JsonObject> {
  let value: unknown
  try {
    value = JSON.parse(await readText(answer))
  } catch (cause) {
    if (exchange.signal.aborted) throw exchange.signal.reason
    throw new RouterError('ai_provider_unavailable', "The provider's answer could not be read.", { cause })
  }
  if (isObject(value) && Array.isArray(value['choices']) && value['choices'].length > 0) return value
  throw new RouterError('ai_provider_unavailable', "The provider's answer is no completion.")
}

/** Where the length is told, undici's own reading is cheaper than a walk over the pieces. */
async function readText({ response: { headers, body } }: Relay['answer']): Promise<string> {
  const length = headers['content-length']
  if (typeof length === 'string' && Number(length) <= maxAnswerBytes) return await body.text()
  return (await readBytes(body, maxAnswerBytes)).toString('utf8')
}

function completeChoice(choice: unknown, index: number): unknown {
  if (!isObject(choice)) return choice
  const message = isObject(choice['message']) ? choice['message'] : {}
  return {
    index,
    finish_reason: 'stop',
    logprobs: null,
    ...choice,
    message: { role: 'assistant', content: null, refusal: null, ...message },
  }
}

function isJson(text: unknown): boolean {
  if (typeof text !== 'string') return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
