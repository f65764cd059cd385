import type { ServerResponse } from 'node:http'
import { errorBody } from './envelope.ts'
import type { Used } from './meter.ts'
import { type Relay, readUsage, usedBy } from './relay.ts'
import { RouterError } from './router-error.ts'
import { frameData, SseFrames } from './sse-frames.ts'

/** The client takes nothing of what is sent to it. */
class TooSlow extends Error {
  override name = 'TooSlow'
}

/**
 * Passes a stream on byte for byte, no faster than the client takes it. The one thing taken out is the chunk with the usage, where the
 * client has not asked for it. What breaks in the middle ends with an error frame and without `[DONE]`, so that nobody takes half an
 * answer for a whole one.
 */
export async function relayStream(relay: Relay): Promise<Used> {
  const { exchange, answer, headers, kit } = relay
  const { response } = exchange
  const type = String(answer.response.headers['content-type'] ?? '')
  if (!/^\s*text\/event-stream\b/i.test(type)) {
    answer.response.body.destroy()
    throw new RouterError('ai_provider_unavailable', 'The provider did not answer with a stream.')
  }
  response.writeHead(200, {
    ...headers,
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache',
    'x-accel-buffering': 'no',
  })
  response.flushHeaders()
  const tap = new Tap(relay.wanted.wantsUsage)
  try {
    for await (const piece of answer.response.body) {
      const kept = tap.take(piece as Buffer)
      if (kept.length > 0 && !response.write(kept)) await drained(response, kit.windows.idleMs, exchange.signal)
    }
    if (tap.rest.length > 0) response.write(tap.rest)
    if (!tap.done && !tap.failed) response.end(tap.finished ? 'data: [DONE]\n\n' : broken())
    else response.end()
  } catch (error) {
    if (error instanceof TooSlow) response.destroy()
    else if (!exchange.signal.aborted) response.end(broken())
  }
  return usedBy(relay, tap.usage, tap.chunks)
}

function broken(): string {
  const error = new RouterError('ai_provider_unavailable', "The provider's stream broke off; the answer is not whole.")
  return `data: ${JSON.stringify(errorBody(error, 'openai'))}\n\n`
}

/** Reads along, and leaves out what the client has not asked for. */
class Tap {
  usage: { promptTokens: number; completionTokens: number } | null = null
  /** Chunks with content, each about a token: the count where the stream is cut before the usage. */
  chunks = 0
  done = false
  finished = false
  failed = false
  readonly #frames = new SseFrames()
  readonly #wantsUsage: boolean
  constructor(wantsUsage: boolean) {
    this.#wantsUsage = wantsUsage
  }

  get rest(): Buffer {
    return this.#frames.rest
  }

  take(piece: Buffer): Buffer {
    const frames = this.#frames.take(piece)
    const kept = frames.filter((frame) => this.#look(frame))
    return kept.length === 1 && kept[0] !== undefined ? kept[0] : Buffer.concat(kept)
  }

  /** False for the frame that is to be left out. */
  #look(frame: Buffer): boolean {
    const data = frameData(frame)
    if (data === null) return true
    if (data.startsWith('[DONE]')) {
      this.done = true
      return true
    }
    this.chunks += 1
    if (/"finish_reason"\s*:\s*"/.test(data)) this.finished = true
    const tells = /"usage"\s*:\s*\{/.test(data)
    if (!tells && !/^\s*\{\s*"error"/.test(data)) return true
    const chunk = parse(data)
    if (chunk?.error !== undefined) this.failed = true
    const usage = readUsage(chunk?.usage)
    if (usage === null) return true
    this.usage = usage
    const onlyUsage = Array.isArray(chunk?.choices) && chunk.choices.length === 0
    return this.#wantsUsage || !onlyUsage
  }
}

function parse(data: string): { usage?: unknown; choices?: unknown; error?: unknown } | null {
  try {
    const value: unknown = JSON.parse(data)
    return typeof value === 'object' && value !== null ? value : null
  } catch {
    return null
  }
}

/** Until the client has taken what was written. Throws `TooSlow`, or the signal's reason when it is gone. */
async function drained(response: ServerResponse, idleMs: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const settle = (act: () => void) => {
      clearTimeout(timer)
      response.off('drain', onDrain)
      signal.removeEventListener('abort', onGone)
      act()
    }
    const onDrain = () => settle(resolve)
    const onGone = () => settle(() => reject(signal.reason))
    const timer = setTimeout(() => settle(() => reject(new TooSlow('the client takes nothing'))), idleMs)
    response.once('drain', onDrain)
    signal.addEventListener('abort', onGone, { once: true })
    if (signal.aborted) onGone()
  })
}
