import type { HeardPart, Span, TranscriptSegment } from '../shapes.ts'
import { clip, joinSpans, lengthOf } from '../spans.ts'
import { dropInvented, isKnown } from './drop-invented.ts'
import { recordingSpan } from './recording-span.ts'
import { wordsOf } from './words-of.ts'

/** What was heard of a part, with times of the recording and without what nobody said. `speech`: see `joinTrack`. */
export function placePart(heard: HeardPart, speech: readonly Span[] | null): TranscriptSegment[] {
  const { timeMap, part, segments } = heard
  if (segments === null) return spread(heard, speech)
  return dropInvented(segments, timeMap, speech).map((segment) => {
    const { startSeconds, endSeconds } = recordingSpan(timeMap, segment)
    return { speaker: part.speaker, start: startSeconds, end: endSeconds, text: segment.text.trim() }
  })
}

/** Without times, the words are spread evenly over the speech that was sent: near enough to read along, and told as estimated. */
function spread({ text, part }: HeardPart, speech: readonly Span[] | null): TranscriptSegment[] {
  const words = wordsOf(text)
  const voiced =
    speech === null ? [] : part.spans.flatMap((own) => clip(joinSpans(speech), own.startSeconds, own.endSeconds))
  if (words.length === 0 || (speech !== null && voiced.length === 0 && isKnown(text))) return []
  const places = voiced.length > 0 ? voiced : part.spans
  const total = lengthOf(places)
  let [seconds, taken] = [0, 0]
  return places.flatMap(({ startSeconds, endSeconds }, index) => {
    seconds += endSeconds - startSeconds
    const until = index === places.length - 1 ? words.length : Math.round((words.length * seconds) / total)
    const own = words.slice(taken, until)
    taken = until
    if (own.length === 0) return []
    return [{ speaker: part.speaker, start: startSeconds, end: endSeconds, text: own.join(' ') }]
  })
}
