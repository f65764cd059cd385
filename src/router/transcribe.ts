import { createReadStream } from 'node:fs'
import { probeAudio } from '../audio/probe.ts'
import { withTempDir } from '../audio/temp.ts'
import { readBytes } from '../vibecode/answer-body.ts'
import { multipartBody } from '../vibecode/multipart.ts'
import { type Answer, ask } from './ask.ts'
import type { Exchange, Kit } from './exchange.ts'
import { RouterError } from './router-error.ts'
import { readSpeechFields, type SpeechFields } from './speech-fields.ts'
import { type Heard, readHeard, writeHeard } from './speech-text.ts'
import { type Spooled, spoolForm } from './spool.ts'
import type { Target } from './target.ts'

const maxAnswerBytes = 64 * 1024 * 1024
/** What is held back of a budget while nobody knows how long a recording is: speech of 32 kbit/s. */
const bytesPerSecond = 4_000

/** `POST /v1/audio/transcriptions`: one recording to text, in any of five formats. */
export async function transcribe(kit: Kit, exchange: Exchange): Promise<void> {
  await withTempDir(kit.tempRoot, async (folder) => {
    const spooled = await spoolForm(exchange.request, folder, kit.maxAudioBytes)
    const fields = readSpeechFields(spooled.fields)
    const tenant = await kit.tenants.read(exchange.key.tenant)
    const { targets, headers } = kit.models.resolve(tenant, fields.model, 'transcription')
    const [first] = targets
    if (first === undefined) throw new Error('a model without a target was resolved')
    // Counted beforehand only where it costs something: a budget must know, and a free model need not wait for it.
    const guessS = spooled.bytes / bytesPerSecond
    const mostS = first.price.minuteMicros > 0 ? ((await measure(spooled.path)) ?? guessS) : guessS
    const mostMs = Math.round(mostS * 1000)
    const hold = await kit.meter.hold(exchange.key, first.price, {
      promptTokens: 0,
      completionTokens: 0,
      audioMs: mostMs,
    })
    try {
      const { target, heard } = await hear(kit, exchange, targets, spooled, fields)
      const { body, json } = writeHeard(heard, fields.format)
      exchange.response.writeHead(200, {
        ...headers,
        'content-type': json ? 'application/json; charset=utf-8' : 'text/plain; charset=utf-8',
        'content-length': Buffer.byteLength(body),
      })
      exchange.response.end(body)
      hold.settle({
        source: target.source,
        model: target.modelId,
        price: target.price,
        promptTokens: 0,
        completionTokens: 0,
        audioMs: Math.round(heard.durationS * 1000),
        estimated: false,
      })
    } catch (error) {
      hold.settle(null)
      throw error
    }
  })
}

/** How long it is in seconds, by counting; null for what cannot be read: the provider may know it. */
async function measure(path: string): Promise<number | null> {
  return await probeAudio(path).then(
    (probe) => probe.durationSeconds,
    () => null,
  )
}

/** Providers that have refused `verbose_json` are asked for `json`. */
const plainOnly = new Set<string>()

async function hear(
  kit: Kit,
  exchange: Exchange,
  targets: readonly Target[],
  spooled: Spooled,
  fields: SpeechFields,
): Promise<{ target: Target; heard: Heard }> {
  const question = (format: (target: Target) => string) => ({
    path: '/audio/transcriptions',
    signal: exchange.signal,
    headersTimeoutMs: kit.windows.speechMs,
    idleTimeoutMs: kit.windows.speechMs,
    body: (target: Target) => {
      const form = multipartBody({ ...spooled, open: () => createReadStream(spooled.path) }, [
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
    const value = await readAnswer(answer, exchange.signal)
    const heard = readHeard(value)
    if (heard !== null) {
      const durationS = heard.durationS ?? (await measure(spooled.path)) ?? spooled.bytes / bytesPerSecond
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
    const told = await read(
      await ask(
        kit.asking,
        targets,
        question(() => 'json'),
      ),
    )
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
