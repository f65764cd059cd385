import { languageName, type SpeechFormat } from './speech-fields.ts'

/** What a provider heard, in the shape of `verbose_json`. */
export interface Heard {
  readonly text: string
  readonly language: string | null
  readonly durationS: number
  readonly segments: readonly Record<string, unknown>[]
  readonly words: readonly unknown[] | null
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const secondsOf = (value: unknown) =>
  typeof value === 'number' || typeof value === 'string' ? Number(value) : Number.NaN

/** Reads a provider's JSON; null where it holds no text. Its duration is null where it was not told. */
export function readHeard(value: unknown): (Omit<Heard, 'durationS'> & { readonly durationS: number | null }) | null {
  if (!isObject(value) || typeof value['text'] !== 'string') return null
  const { segments, words } = value
  const told = secondsOf(value['duration'])
  const kept = (Array.isArray(segments) ? (segments as unknown[]) : [])
    .filter(isObject)
    .filter((one) => typeof one['text'] === 'string' && Number.isFinite(one['start']) && Number.isFinite(one['end']))
  return {
    text: value['text'],
    language: typeof value['language'] === 'string' ? value['language'] : null,
    durationS: Number.isFinite(told) && told >= 0 ? told : null,
    segments: kept,
    words: Array.isArray(words) ? (words as unknown[]) : null,
  }
}

/** The answer's body, and whether it is JSON. Made here, whatever of the formats the provider itself knows. */
export function writeHeard(heard: Heard, format: SpeechFormat): { body: string; json: boolean } {
  const usage = { type: 'duration', seconds: Math.ceil(heard.durationS) }
  if (format === 'json') return { body: JSON.stringify({ text: heard.text, usage }), json: true }
  if (format === 'text') return { body: `${heard.text}\n`, json: false }
  if (format === 'verbose_json') {
    const whole = {
      task: 'transcribe',
      // OpenAI gives the name here, not the code.
      language: languageName(heard.language ?? '')?.toLowerCase() ?? heard.language ?? 'unknown',
      duration: heard.durationS,
      text: heard.text,
      ...(heard.words === null ? {} : { words: heard.words }),
      segments: heard.segments.map(completeSegment),
      usage,
    }
    return { body: JSON.stringify(whole), json: true }
  }
  const stamp = (value: unknown) => clock(Number(value), format === 'srt' ? ',' : '.')
  const cues = cuesOf(heard).map(({ start, end, text }, at) => {
    const times = `${stamp(start)} --> ${stamp(end)}`
    // An empty line or an arrow within a cue would be read as its end.
    const line = String(text)
      .trim()
      .replaceAll(/\n{2,}/g, '\n')
      .replaceAll('-->', '→')
    return format === 'srt' ? `${at + 1}\n${times}\n${line}\n` : `${times}\n${line}\n`
  })
  return { body: `${format === 'vtt' ? 'WEBVTT\n\n' : ''}${cues.join('\n')}`, json: false }
}

function cuesOf(heard: Heard): readonly Record<string, unknown>[] {
  if (heard.segments.length > 0) return heard.segments
  return heard.text.trim() === '' ? [] : [{ start: 0, end: heard.durationS, text: heard.text }]
}

/** All ten fields that OpenAI's schema wants of a segment. */
function completeSegment(segment: Record<string, unknown>, id: number): Record<string, unknown> {
  return {
    id,
    seek: 0,
    tokens: [],
    temperature: 0,
    avg_logprob: 0,
    compression_ratio: 1,
    no_speech_prob: 0,
    ...segment,
  }
}

function clock(seconds: number, point: ',' | '.'): string {
  const ms = Math.max(0, Math.round(seconds * 1000))
  const two = (number: number) => String(Math.floor(number)).padStart(2, '0')
  return `${two(ms / 3_600_000)}:${two((ms / 60_000) % 60)}:${two((ms / 1000) % 60)}${point}${String(ms % 1000).padStart(3, '0')}`
}
