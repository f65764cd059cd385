import { RouterError } from './router-error.ts'

export const speechFormats = ['json', 'text', 'srt', 'verbose_json', 'vtt'] as const
export type SpeechFormat = (typeof speechFormats)[number]

/** The fields of a transcription, looked at. */
export interface SpeechFields {
  readonly model: string | undefined
  readonly format: SpeechFormat
  readonly language: string | undefined
  /** What else goes on, as it came. */
  readonly passed: readonly (readonly [string, string])[]
}

const languages = new Intl.DisplayNames('en', { type: 'language', fallback: 'none' })

/** The English name of an ISO 639 code; undefined where it is none. */
export function languageName(code: string): string | undefined {
  return /^[a-z]{2,3}$/.test(code) ? languages.of(code) : undefined
}

/** Throws `RouterError` invalid_request or invalid_language. */
export function readSpeechFields(fields: ReadonlyMap<string, readonly string[]>): SpeechFields {
  const one = (name: string) => fields.get(name)?.[0]
  const format = one('response_format') ?? 'json'
  const known = speechFormats.find((name) => name === format)
  if (known === undefined) {
    throw new RouterError('invalid_request', `response_format must be one of ${speechFormats.join(', ')}.`, {
      param: 'response_format',
    })
  }
  const language = one('language')
  if (language !== undefined && languageName(language) === undefined) {
    throw new RouterError('invalid_language', 'language must be a code of ISO 639, such as ru.', { param: 'language' })
  }
  const temperature = one('temperature')
  if (temperature !== undefined && !(/^\d(\.\d{1,6})?$/.test(temperature) && Number(temperature) <= 1)) {
    throw new RouterError('invalid_request', 'temperature must be a number from 0 to 1.', { param: 'temperature' })
  }
  if (one('stream') === 'true') {
    throw new RouterError('invalid_request', 'Transcriptions are answered in one piece: stream is not taken.', {
      param: 'stream',
    })
  }
  const granularities = fields.get('timestamp_granularities') ?? []
  const prompt = one('prompt')
  return {
    model: one('model'),
    format: known,
    language,
    passed: [
      ...(language === undefined ? [] : [['language', language] as const]),
      ...(prompt === undefined ? [] : [['prompt', prompt] as const]),
      ...(temperature === undefined ? [] : [['temperature', temperature] as const]),
      ...granularities.map((name) => ['timestamp_granularities[]', name] as const),
    ],
  }
}
