import { extname } from 'node:path'
import { type TranscriptionSegment, transcriptionResponse } from '../wire/transcription.ts'
import type { ClientDurations } from './durations.ts'
import { failureOf } from './failure-error.ts'
import { multipartBody } from './multipart.ts'
import { readShape } from './read.ts'
import type { Requester } from './request.ts'
import type { UpstreamTraits } from './traits.ts'

/** The model behind `POST /v1/audio/transcriptions` when none is named; gates know the route by it, it is not sent. */
export const defaultTranscriptionModel = 'bitrix/deepdml/faster-whisper-large-v3-turbo-ct2'
const route = '/v1/audio/transcriptions'

const contentTypes: Readonly<Record<string, string>> = {
  '.mp3': 'audio/mpeg',
  '.wav': 'audio/wav',
  '.ogg': 'audio/ogg',
  '.opus': 'audio/ogg',
  '.m4a': 'audio/mp4',
  '.flac': 'audio/flac',
  '.webm': 'audio/webm',
}

export interface TranscribeOptions {
  /** The bytes, or a factory of fresh streams: a repetition reads it again from the start. */
  readonly file: Buffer | (() => AsyncIterable<Uint8Array>)
  /** Exact length; may be left out for a Buffer. */
  readonly bytes?: number
  readonly filename: string
  /** ISO 639, e.g. `ru`. */
  readonly language?: string | undefined
  /** Sent only when given. */
  readonly model?: string | undefined
  /** `json` unless told. `verbose_json` falls back to `json` where the upstream refuses it. */
  readonly responseFormat?: 'json' | 'verbose_json' | undefined
  readonly prompt?: string | undefined
  /** 16 minutes unless told; the upstream gives up at 15. */
  readonly deadlineMs?: number | undefined
}

export interface Transcription {
  readonly text: string
  /** With `verbose_json` only; times in seconds. */
  readonly segments?: TranscriptionSegment[]
  readonly language?: string
  readonly durationSeconds?: number
  readonly requestId: string | null
}

export type Transcribe = (options: TranscribeOptions) => Promise<Transcription>

export function createTranscribe(requester: Requester, durations: ClientDurations, traits: UpstreamTraits): Transcribe {
  async function ask(options: TranscribeOptions, responseFormat: 'json' | 'verbose_json'): Promise<Transcription> {
    const { file } = options
    const open = Buffer.isBuffer(file) ? () => chunksOf(file) : file
    const bytes = Buffer.isBuffer(file) ? file.byteLength : options.bytes
    if (bytes === undefined) throw new TypeError('transcribe: a streamed file needs its length in `bytes`')
    const contentType = contentTypes[extname(options.filename).toLowerCase()] ?? 'application/octet-stream'
    const fields = [
      ['model', options.model],
      ['language', options.language],
      ['response_format', responseFormat],
      ['prompt', options.prompt],
    ].filter((field): field is [string, string] => field[1] !== undefined)
    const answer = await requester.json({
      method: 'POST',
      path: '/audio/transcriptions',
      route,
      stream: multipartBody({ filename: options.filename, contentType, bytes, open }, fields),
      plan: { family: 'ai', model: options.model ?? defaultTranscriptionModel, fenced: true },
      repeatable: true,
      deadlineMs: options.deadlineMs ?? durations.transcribeMs,
    })
    const { text, language, duration, segments } = readShape(transcriptionResponse, answer, `POST ${route}`)
    return {
      text,
      ...(segments === undefined ? {} : { segments }),
      ...(language === undefined ? {} : { language }),
      ...(duration === undefined ? {} : { durationSeconds: duration }),
      requestId: answer.requestId ?? null,
    }
  }

  return async (options) => {
    if (options.responseFormat !== 'verbose_json' || !traits.verboseJson) return ask(options, 'json')
    try {
      return await ask(options, 'verbose_json')
    } catch (error) {
      const failure = failureOf(error)
      const refused =
        failure?.httpStatus === 400 && /response_format|verbose_json/i.test(`${failure.message} ${failure.hint}`)
      if (!refused) throw error
      traits.verboseJson = false
      return ask(options, 'json')
    }
  }
}

async function* chunksOf(buffer: Buffer): AsyncGenerator<Uint8Array> {
  if (buffer.byteLength > 0) yield buffer
}
