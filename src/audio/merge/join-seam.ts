import type { TranscriptSegment } from '../shapes.ts'
import { dovetail } from './dovetail.ts'
import { findQuietSeam } from './find-quiet-seam.ts'
import { takeWords } from './take-words.ts'
import { wordsOf } from './words-of.ts'

export interface Overlap {
  /** Seconds of the recording that both parts hold. */
  readonly from: number
  readonly to: number
  /** Of sound in it. */
  readonly seconds: number
  /** Both parts came with times; estimated ones tell nothing about where a word stands. */
  readonly timed: boolean
}

/** A word or two more than people say in the time: recognisers write numbers and abbreviations out. */
const BOUND_SLACK = 1.5
const MAX_WORDS_PER_SECOND = 6

/**
 * What stays of two parts that both hold the sound of `overlap`. Where neither has a segment under way at a moment of it, and what is
 * left out on one side was heard on the other, that moment is the seam; else the words are aligned. Where their words do not agree,
 * nothing is left out: a word that stands twice is seen by whoever reads, one that is gone is not.
 */
export function joinSeam(
  left: readonly TranscriptSegment[],
  right: readonly TranscriptSegment[],
  overlap: Overlap,
): { left: readonly TranscriptSegment[]; right: readonly TranscriptSegment[]; agreed: boolean } {
  const at = overlap.timed ? findQuietSeam(left, right, overlap) : null
  if (at !== null) return { ...at, agreed: true }
  const bound = boundOf(left, right, overlap)
  // Only what touches the overlap is taken apart; where times are estimated, what may be in it by the number of words.
  const near = overlap.timed ? left.filter((one) => one.end > overlap.from) : lastWords(left, bound)
  const far = overlap.timed
    ? right.filter((one) => one.start < overlap.to)
    : lastWords(right.toReversed(), bound).toReversed()
  const [ending, beginning] = [wordsIn(near), wordsIn(far)]
  // One of them heard nothing there: nothing can be doubled.
  if (ending.length === 0 || beginning.length === 0) return { left, right, agreed: true }
  const { leftWords, rightSkipped, aligned } = dovetail(ending, beginning, bound)
  if (!aligned) return { left, right, agreed: false }
  return {
    left: [...without(left, near), ...takeWords(near, 0, leftWords)],
    right: [...takeWords(far, rightSkipped, beginning.length), ...without(right, far)],
    agreed: true,
  }
}

/** By what they are, not by how many: a segment over the overlap may be followed by one that ended before it. */
const without = (segments: readonly TranscriptSegment[], taken: readonly TranscriptSegment[]) =>
  segments.filter((one) => !taken.includes(one))

const wordsIn = (segments: readonly TranscriptSegment[]) => segments.flatMap((one) => wordsOf(one.text))

function lastWords(segments: readonly TranscriptSegment[], count: number): TranscriptSegment[] {
  let words = 0
  const from = segments.findLastIndex((one) => {
    words += wordsOf(one.text).length
    return words >= count
  })
  return segments.slice(Math.max(0, from))
}

/** So many words can stand in the overlap, by how fast they follow each other around it. */
function boundOf(left: readonly TranscriptSegment[], right: readonly TranscriptSegment[], overlap: Overlap): number {
  const rate = Math.max(
    rateOf(left.filter((one) => one.end > overlap.from)),
    rateOf(right.filter((one) => one.start < overlap.to)),
  )
  return Math.ceil(overlap.seconds * rate * BOUND_SLACK) + 3
}

/** Words a second, of what is said in the segments. */
function rateOf(segments: readonly TranscriptSegment[]): number {
  const seconds = segments.reduce((sum, one) => sum + one.end - one.start, 0)
  return seconds <= 0 ? 3 : Math.min(MAX_WORDS_PER_SECOND, wordsIn(segments).length / seconds)
}
