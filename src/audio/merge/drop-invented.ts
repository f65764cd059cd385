import type { HeardSegment, Span, TimePoint } from '../shapes.ts'
import { recordingEnd, recordingTime } from './recording-time.ts'

/** Thresholds of Whisper's own reference decoder. */
const NO_SPEECH = 0.6
const LOGPROB = -1
const COMPRESSION = 2.4
/** The third time one after another is a loop; people say a thing twice. */
const MAX_REPEATS = 2

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
  for (const segment of segments) {
    const text = words(segment.text)
    repeats = text === before ? repeats + 1 : 1
    before = text
    if (text === '' || repeats > MAX_REPEATS) continue
    if ((segment.noSpeechProb ?? 0) > NO_SPEECH && (segment.avgLogprob ?? 0) < LOGPROB) continue
    if ((segment.compressionRatio ?? 0) > COMPRESSION) continue
    const from = recordingTime(timeMap, segment.start)
    const to = recordingEnd(timeMap, segment.end)
    const silent = speech !== null && !speech.some((span) => span.startSeconds < to && span.endSeconds > from)
    if (silent && isKnown(segment.text)) continue
    kept.push(segment)
  }
  return kept
}

/** Whether the whole text is one of the phrases that are written over silence. */
export function isKnown(text: string): boolean {
  const said = plain(text)
  return KNOWN.some((phrase) =>
    phrase.includes(' ') || phrase.includes('.') ? said.includes(phrase) : words(text) === phrase,
  )
}
