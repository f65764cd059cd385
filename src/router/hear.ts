import { createReadStream } from 'node:fs'
import { readBytes } from '../vibecode/answer-body.ts'
import { multipartBody } from '../vibecode/multipart.ts'
import { type Answer, ask } from './ask.ts'
import type { Kit } from './exchange.ts'
import { measureRecording } from './measure-recording.ts'
import { RouterError } from './router-error.ts'
import type { SpeechFields } from './speech-fields.ts'
import { type Heard, readHeard } from './speech-text.ts'
import type { Spooled } from './spool.ts'
import type { Target } from './target.ts'

export interface HeardBy {
  readonly target: Target
  readonly heard: Heard
}

/** What one request to a provider hears. */
export interface Hearing {
  readonly kit: Kit
  readonly targets: readonly Target[]
  readonly file: Omit<Spooled, 'fields'>
  readonly fields: SpeechFields
  readonly signal: AbortSignal
}

const maxAnswerBytes = 64 * 1024 * 1024
/** Small pieces: what was sent is garbage that is swept by number, and stands in memory by size. */
const pieceBytes = 16 * 1024
/** How long a recording is taken to be while nobody knows: speech of 32 kbit/s. */
export const bytesPerSecond = 4_000

/** Providers that have refused `verbose_json` are asked for `json`. */
const plainOnly = new Set<string>()

/** Asks for one file. Throws `RouterError`; the signal's reason when the client is gone. */
export async function hear({ kit, targets, file, fields, signal }: Hearing): Promise<HeardBy> {
  const question = (format: (target: Target) => string) => ({
    path: '/audio/transcriptions',
    signal,
    headersTimeoutMs: kit.windows.speechMs,
    idleTimeoutMs: kit.windows.speechMs,
    body: (target: Target) => {
      const form = multipartBody({ ...file, open: () => createReadStream(file.path, { highWaterMark: pieceBytes }) }, [
        ['model', target.upstreamModel],
        ['response_format', format(target)],
        ...fields.passed,
      ])
      return {
        headers: { 'content-type': form.contentType, 'content-length': String(form.bytes) },
        body: form.open(),
      }
    },
  })
  const read = async (answer: Answer) => {
    const value = await readAnswer(answer, signal)
    const heard = readHeard(value)
    if (heard !== null) {
      const durationS = heard.durationS ?? (await measureRecording(file.path, signal)) ?? file.bytes / bytesPerSecond
      return { target: answer.target, heard: { ...heard, durationS } }
    }
    throw new RouterError('ai_provider_unavailable', "The provider's answer is no transcription.")
  }
  const usual = (target: Target) => (plainOnly.has(nameOf(target)) ? 'json' : 'verbose_json')
  try {
    return await read(await ask(kit.asking, targets, question(usual)))
  } catch (error) {
    // 400 to verbose_json: some know json only, and say so in words of their own.
    const refused = targets.length === 1 && targets.every((target) => usual(target) === 'verbose_json')
    if (!refused || !(error instanceof RouterError) || !/answered (400|422)\./.test(error.message)) throw error
    const plain = question(() => 'json')
    const told = await read(await ask(kit.asking, targets, plain))
    plainOnly.add(nameOf(told.target))
    return told
  }
}

const nameOf = (target: Target) => `${target.source} ${target.upstreamModel}`

async function readAnswer({ response }: Answer, signal: AbortSignal): Promise<unknown> {
  try {
    return JSON.parse((await readBytes(response.body, maxAnswerBytes)).toString('utf8'))
  } catch (cause) {
    if (signal.aborted) throw signal.reason
    if (cause instanceof Error && 'code' in cause && cause.code === 'UND_ERR_BODY_TIMEOUT') {
      throw new RouterError('ai_provider_timeout', 'The provider did not answer within its time.', {
        headers: { 'x-should-retry': 'false' },
      })
    }
    throw new RouterError('ai_provider_unavailable', "The provider's answer could not be read.", { cause })
  }
}
