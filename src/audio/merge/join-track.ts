import type { HeardPart, Span, Speaker, TranscriptSegment } from '../shapes.ts'
import { lengthOf } from '../spans.ts'
import { dovetail } from './dovetail.ts'
import { dropInvented, isKnown } from './drop-invented.ts'
import { recordingEnd, recordingTime } from './recording-time.ts'

export interface JoinedTrack {
  readonly segments: readonly TranscriptSegment[]
  /** The upstream gave no times: they are spread over the sound that was sent. */
  readonly timesEstimated: boolean
  /** Seams, by the recording's seconds, at which nothing equal was found on both sides: words may be doubled or cut there. */
  readonly openSeams: readonly number[]
}

/** Joins the parts of one track in their order. `speech`: where somebody speaks on it; null where nobody can tell. */
export function joinTrack(parts: readonly HeardPart[], speech: readonly Span[] | null): JoinedTrack {
  let joined: TranscriptSegment[] = []
  let timesEstimated = false
  const openSeams: number[] = []
  for (const heard of [...parts].sort((a, b) => a.part.index - b.part.index)) {
    const segments = heard.segments === null ? spread(heard, speech) : place(heard, speech)
    if (heard.segments === null && segments.length > 0) timesEstimated = true
    const { seam, overlapSeconds, spans } = heard.part
    if (seam !== 'hard' || overlapSeconds <= 0 || joined.length === 0 || segments.length === 0) {
      joined.push(...segments)
      continue
    }
    const from = spans[0]?.startSeconds ?? 0
    const merged = joinHard(joined, segments, { from, to: from + overlapSeconds })
    if (!merged.aligned) openSeams.push(from)
    joined = merged.segments
  }
  return { segments: joined, timesEstimated, openSeams }
}

/** Segments with times of the recording, without what nobody said. */
function place(heard: HeardPart, speech: readonly Span[] | null): TranscriptSegment[] {
  const { timeMap, part, segments } = heard
  return dropInvented(segments ?? [], timeMap, speech).map((segment) => ({
    speaker: part.speaker,
    start: recordingTime(timeMap, segment.start),
    end: recordingEnd(timeMap, Math.max(segment.start, segment.end)),
    text: segment.text.trim(),
  }))
}

/** Without times, the words are spread evenly over the sound that was sent: near enough to read along, and told as estimated. */
function spread(heard: HeardPart, speech: readonly Span[] | null): TranscriptSegment[] {
  const { text, part } = heard
  const words = text.split(/\s+/).filter((word) => word !== '')
  const silent =
    speech !== null &&
    !speech.some((span) =>
      part.spans.some((own) => own.startSeconds < span.endSeconds && own.endSeconds > span.startSeconds),
    )
  if (words.length === 0 || (silent && isKnown(text))) return []
  const total = lengthOf(part.spans)
  let heardSeconds = 0
  let taken = 0
  return part.spans.flatMap((span, index) => {
    heardSeconds += span.endSeconds - span.startSeconds
    const until = index === part.spans.length - 1 ? words.length : Math.round((words.length * heardSeconds) / total)
    const own = words.slice(taken, until)
    taken = until
    return own.length === 0 ? [] : [segmentOf(part.speaker, span, own)]
  })
}

function segmentOf(speaker: Speaker, span: Span, words: readonly string[]): TranscriptSegment {
  return { speaker, start: span.startSeconds, end: span.endSeconds, text: words.join(' ') }
}

/**
 * Two parts that both hold the sound of `overlap`. Where both have a gap between segments at one moment of it, that is the seam;
 * else the words are aligned.
 */
function joinHard(
  left: readonly TranscriptSegment[],
  right: readonly TranscriptSegment[],
  overlap: { readonly from: number; readonly to: number },
): { segments: TranscriptSegment[]; aligned: boolean } {
  const gap = commonGap(left, right, overlap)
  if (gap !== null) {
    const kept = [...left.filter((one) => one.end <= gap + 0.02), ...right.filter((one) => one.start >= gap - 0.02)]
    return { segments: kept, aligned: true }
  }
  // Only what touches the overlap is taken apart; a text without times is one segment, of which the bound takes the near end.
  const [near, far] = [left.filter((one) => one.end > overlap.from), right.filter((one) => one.start < overlap.to)]
  const words = (segments: readonly TranscriptSegment[]) => segments.flatMap((one) => one.text.split(/\s+/))
  const [ending, beginning] = [words(near), words(far)]
  // Nothing was said in the overlap, or one of them heard nothing there: nothing can be doubled.
  if (ending.length === 0 || beginning.length === 0) return { segments: [...left, ...right], aligned: true }
  const seconds = overlap.to - overlap.from
  const bound = Math.ceil(seconds * Math.max(rateOf(near), rateOf(far)) * 1.5) + 3
  const { leftWords, rightSkipped, aligned } = dovetail(ending, beginning, bound)
  const segments = [
    ...left.filter((one) => !near.includes(one)),
    ...takeWords(near, 0, leftWords),
    ...takeWords(far, rightSkipped, beginning.length),
    ...right.filter((one) => !far.includes(one)),
  ]
  return { segments, aligned }
}

/** A moment in the overlap at which neither part has a segment under way, as near to its middle as there is; null where there is none. */
function commonGap(
  left: readonly TranscriptSegment[],
  right: readonly TranscriptSegment[],
  overlap: { readonly from: number; readonly to: number },
): number | null {
  const middle = (overlap.from + overlap.to) / 2
  const edges = [...left.map((one) => one.end), ...right.map((one) => one.start)]
  const free = (at: number) =>
    ![...left, ...right].some((one) => one.start < at - 0.02 && one.end > at + 0.02) &&
    at > overlap.from &&
    at < overlap.to
  const [best] = edges.filter(free).sort((a, b) => Math.abs(a - middle) - Math.abs(b - middle))
  return best ?? null
}

/** Words a second, of what is said in the segments. */
function rateOf(segments: readonly TranscriptSegment[]): number {
  const seconds = segments.reduce((sum, one) => sum + one.end - one.start, 0)
  const words = segments.reduce((sum, one) => sum + one.text.split(/\s+/).length, 0)
  return seconds <= 0 ? 3 : Math.min(6, words / seconds)
}

/** Words `from` to `to` (counted over all segments), each with its segment's speaker and its share of the segment's time. */
function takeWords(segments: readonly TranscriptSegment[], from: number, to: number): TranscriptSegment[] {
  let before = 0
  return segments.flatMap((segment) => {
    const words = segment.text.split(/\s+/)
    const [first, end] = [Math.max(0, from - before), Math.min(words.length, to - before)]
    before += words.length
    if (end <= first) return []
    const each = (segment.end - segment.start) / words.length
    const span = { startSeconds: segment.start + first * each, endSeconds: segment.start + end * each }
    return [segmentOf(segment.speaker, span, words.slice(first, end))]
  })
}
