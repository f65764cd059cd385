import type { HeardSegment, Span, TimePoint } from '../shapes.ts'
import { recordingSpan } from './recording-span.ts'

/** Thresholds of Whisper's own reference decoder. */
const NO_SPEECH = 0.6
const LOGPROB = -1
const COMPRESSION = 2.4
/** The third time one after another is a loop; people say a sentence twice. */
const MAX_REPEATS = 2
/** «Угу.» and "да, да, да" are said all day, by whoever listens. */
const SHORT = { words: 3, different: 2 }
/** Nobody takes longer for a short word; a recogniser in a loop gives it seconds at a time. */
const MAX_SECONDS_PER_WORD = 1.5

/** What Whisper is known to write over silence; real calls hold some of these words too, so they go only where nobody speaks. */
const KNOWN = [
  'продолжение следует',
  'субтитры сделал dimatorzok',
  'субтитры создавал dimatorzok',
  'редактор субтитров',
  'спасибо за просмотр',
  'спасибо за внимание',
  'подписывайтесь на канал',
  'thanks for watching',
  'thank you for watching',
  'please subscribe',
  'subtitles by',
  'amara.org',
  'спасибо',
  'thank you',
  'you',
]

const plain = (text: string) =>
  text
    .toLowerCase()
    .replace(/[^\p{L}\p{N} .]+/gu, '')
    .replace(/\s+/g, ' ')
    .trim()
const words = (text: string) => plain(text).replaceAll('.', '')

/** Leaves out what nobody said. `speech`: where the sound's energy says that somebody speaks (null: nobody can tell); times of the recording. */
export function dropInvented(
  segments: readonly HeardSegment[],
  timeMap: readonly TimePoint[],
  speech: readonly Span[] | null,
): HeardSegment[] {
  const kept: HeardSegment[] = []
  let before = ''
  let repeats = 0
  let until = Number.NEGATIVE_INFINITY
  for (const segment of segments) {
    const text = words(segment.text)
    const { startSeconds: from, endSeconds: to } = recordingSpan(timeMap, segment)
    const voices = speech?.filter((span) => span.startSeconds < to && span.endSeconds > from)
    repeats = text === before ? repeats + 1 : 1
    const loops = repeats > MAX_REPEATS || (segment.compressionRatio ?? 0) > COMPRESSION
    const anew = voices?.some((span) => span.startSeconds > until) ?? false
    const spoken =
      isShort(text) && voices?.length !== 0 && (anew || (to - from) / countOf(text) <= MAX_SECONDS_PER_WORD)
    before = text
    until = to
    if (text === '' || (loops && !spoken)) continue
    if ((segment.noSpeechProb ?? 0) > NO_SPEECH && (segment.avgLogprob ?? 0) < LOGPROB) continue
    if (voices?.length === 0 && isKnown(segment.text)) continue
    kept.push(segment)
  }
  return kept
}

const countOf = (text: string) => text.split(' ').length

function isShort(text: string): boolean {
  return countOf(text) <= SHORT.words && new Set(text.split(' ')).size <= SHORT.different
}

/** Whether the whole text is one of the phrases that are written over silence. */
export function isKnown(text: string): boolean {
  const said = plain(text)
  return KNOWN.some((phrase) =>
    phrase.includes(' ') || phrase.includes('.') ? said.includes(phrase) : words(text) === phrase,
  )
}
