import type { TranscriptSegment } from '../shapes.ts'
import { plainWord } from './plain-word.ts'
import { wordsOf } from './words-of.ts'

/** Times of two parts differ by so much without meaning anything, seconds. */
const SLACK = 0.02
/** Of each segment that is left out on one side, so much must have been heard on the other. */
const MIN_AGREED = 0.5

/**
 * Splits at a moment of the overlap at which neither part has a segment under way, as near to its middle as there is, where what is
 * left out was heard by the other part and nothing stands twice. Null where there is none.
 */
export function findQuietSeam(
  left: readonly TranscriptSegment[],
  right: readonly TranscriptSegment[],
  overlap: { readonly from: number; readonly to: number },
): { left: readonly TranscriptSegment[]; right: readonly TranscriptSegment[] } | null {
  const middle = (overlap.from + overlap.to) / 2
  const own = left.filter((one) => one.end > overlap.from)
  const theirs = right.filter((one) => one.start < overlap.to)
  const moments = [overlap.from, overlap.to, ...[...own, ...theirs].flatMap((one) => [one.start, one.end])]
    .filter((at) => at >= overlap.from && at <= overlap.to)
    .filter((at) => ![...own, ...theirs].some((one) => one.start < at - SLACK && one.end > at + SLACK))
    .sort((a, b) => Math.abs(a - middle) - Math.abs(b - middle))
  const union = words(own).length + words(theirs).length - common(words(own), words(theirs))
  for (const at of moments) {
    const [ends, begins] = [keepBefore(at), keepAfter(at)]
    const [kept, following] = [own.filter(ends), theirs.filter(begins)]
    const leftOut = own.filter((one) => !ends(one))
    const skipped = theirs.filter((one) => !begins(one))
    const twice = words(kept).length + words(following).length > union
    if (!twice && leftOut.every(heardIn(following)) && skipped.every(heardIn(kept)))
      return { left: left.filter(ends), right: right.filter(begins) }
  }
  return null
}

const keepBefore = (at: number) => (one: TranscriptSegment) => one.end <= at + SLACK
const keepAfter = (at: number) => (one: TranscriptSegment) => one.start >= at - SLACK
const words = (segments: readonly TranscriptSegment[]) =>
  segments.flatMap((one) => wordsOf(one.text).map(plainWord)).filter((word) => word !== '')

function heardIn(others: readonly TranscriptSegment[]): (one: TranscriptSegment) => boolean {
  const all = words(others)
  return (one) => common(words([one]), all) >= words([one]).length * MIN_AGREED
}

/** Length of the longest common subsequence. */
function common(a: readonly string[], b: readonly string[]): number {
  let row = new Array<number>(b.length + 1).fill(0)
  for (const word of a) {
    const next = [0]
    for (let j = 1; j <= b.length; j++)
      next.push(word === b[j - 1] ? (row[j - 1] ?? 0) + 1 : Math.max(row[j] ?? 0, next[j - 1] ?? 0))
    row = next
  }
  return row[b.length] ?? 0
}
