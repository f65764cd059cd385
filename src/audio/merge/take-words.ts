import type { TranscriptSegment } from '../shapes.ts'
import { wordsOf } from './words-of.ts'

/** Words `from` to `to`, counted over all segments, each with its segment's speaker and its share of the segment's time. */
export function takeWords(segments: readonly TranscriptSegment[], from: number, to: number): TranscriptSegment[] {
  let before = 0
  return segments.flatMap((segment) => {
    const words = wordsOf(segment.text)
    const [first, end] = [Math.max(0, from - before), Math.min(words.length, to - before)]
    before += words.length
    if (end <= first) return []
    if (first === 0 && end === words.length) return [segment]
    const each = (segment.end - segment.start) / words.length
    const [start, until] = [segment.start + first * each, segment.start + end * each]
    return [{ ...segment, start, end: until, text: words.slice(first, end).join(' ') }]
  })
}
