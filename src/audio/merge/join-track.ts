import type { HeardPart, PlannedPart, Span, TranscriptSegment } from '../shapes.ts'
import { clip, lengthOf } from '../spans.ts'
import { joinSeam, type Overlap } from './join-seam.ts'
import { placePart } from './place-part.ts'

export interface JoinedTrack {
  readonly segments: readonly TranscriptSegment[]
  /** The upstream gave no times: they are spread over the speech that was sent. */
  readonly timesEstimated: boolean
  /** Seams, by the recording's seconds, at which the words of both sides did not agree: some may be doubled there. */
  readonly openSeams: readonly number[]
}

interface Placed {
  readonly part: PlannedPart
  readonly timed: boolean
  readonly segments: readonly TranscriptSegment[]
}

/** Joins the parts of one track in their order. `speech`: where somebody speaks on it; null where nobody can tell. */
export function joinTrack(parts: readonly HeardPart[], speech: readonly Span[] | null): JoinedTrack {
  const placed: Placed[] = [...parts]
    .sort((a, b) => a.part.index - b.part.index)
    .map((heard) => ({ part: heard.part, timed: heard.segments !== null, segments: placePart(heard, speech) }))
  const openSeams: number[] = []
  const done: TranscriptSegment[] = []
  let last = placed[0]
  for (const next of placed.slice(1)) {
    if (last === undefined) break
    const overlap = heardTwice(last, next)
    const joined =
      overlap === null
        ? { left: last.segments, right: next.segments, agreed: true }
        : joinSeam(last.segments, next.segments, overlap)
    if (overlap !== null && !joined.agreed) openSeams.push(overlap.from)
    done.push(...joined.left)
    last = { ...next, segments: joined.right }
  }
  return {
    segments: [...done, ...(last?.segments ?? [])],
    timesEstimated: placed.some((one) => !one.timed && one.segments.length > 0),
    openSeams,
  }
}

/** The sound that both hold: from the second's beginning to the first's end, whatever silence was left out between. */
function heardTwice(left: Placed, right: Placed): Overlap | null {
  if (right.part.seam !== 'hard') return null
  const [from, to] = [right.part.spans[0]?.startSeconds ?? 0, left.part.spans.at(-1)?.endSeconds ?? 0]
  const seconds = lengthOf(clip(right.part.spans, from, to))
  return seconds > 0 ? { from, to, seconds, timed: left.timed && right.timed } : null
}
