import { plainWord } from './plain-word.ts'

/** Words of two parts that hold a stretch of the same sound: where the left one ends and the right one goes on. */
export interface Dovetail {
  /** So many words of the left are kept, from its start. */
  readonly leftWords: number
  /** So many words of the right are left out, from its start. */
  readonly rightSkipped: number
  /** False: nothing equal was found, and both are kept whole. */
  readonly aligned: boolean
}

const MATCH = 2
const MISMATCH = -1
const GAP = -1
const MIN_PAIRS = 2

/** Of the stretch, from the first equal word on the left to the last one on the right, so much must agree: less is chance. */
const MIN_AGREED = 0.5

/**
 * Aligns the end of `left` with the beginning of `right` (overlap alignment: what stands before the stretch on the left and after it on
 * the right costs nothing) and joins them at a pair of equal words: the one that loses the fewest words which one side alone heard, the
 * middle one among equals. `bound`: no more words than could be spoken in the overlap are looked at, else a phrase said twice would
 * swallow what lies between.
 */
export function dovetail(left: readonly string[], right: readonly string[], bound: number): Dovetail {
  const tail = left.slice(-bound).map(plainWord)
  const head = right.slice(0, bound).map(plainWord)
  const { pairs, leftOnly, rightOnly } = align(tail, head)
  const [first, last] = [pairs[0], pairs.at(-1)]
  const stretch = first === undefined || last === undefined ? 0 : Math.max(tail.length - first.left, last.right + 1)
  if (pairs.length < MIN_PAIRS || pairs.length < stretch * MIN_AGREED) {
    return { leftWords: left.length, rightSkipped: 0, aligned: false }
  }
  const lost = (pair: Pair) =>
    leftOnly.filter((at) => at > pair.left && at < (last?.left ?? 0)).length +
    rightOnly.filter((at) => at < pair.right && at > (first?.right ?? 0)).length
  const fewest = Math.min(...pairs.map(lost))
  const good = pairs.filter((pair) => lost(pair) === fewest)
  const seam = good[Math.floor((good.length - 1) / 2)]
  return {
    leftWords: left.length - tail.length + (seam?.left ?? 0) + 1,
    rightSkipped: (seam?.right ?? 0) + 1,
    aligned: true,
  }
}

interface Pair {
  readonly left: number
  readonly right: number
}

/** Equal words and words without a partner, ascending. A word against another one in the same place is neither. */
function align(tail: readonly string[], head: readonly string[]) {
  const width = head.length + 1
  const score = new Float64Array((tail.length + 1) * width)
  const same = (i: number, j: number) => tail[i - 1] === head[j - 1] && tail[i - 1] !== ''
  for (let j = 1; j <= head.length; j++) score[j] = j * GAP
  for (let i = 1; i <= tail.length; i++) {
    for (let j = 1; j <= head.length; j++) {
      const paired = (score[(i - 1) * width + j - 1] ?? 0) + (same(i, j) ? MATCH : MISMATCH)
      const gap = Math.max(score[(i - 1) * width + j] ?? 0, score[i * width + j - 1] ?? 0) + GAP
      score[i * width + j] = Math.max(paired, gap)
    }
  }
  // The left part was heard to its end, so the alignment ends with its last word; the right goes on beyond.
  let [i, j, best] = [tail.length, 0, 0]
  for (let column = 1; column <= head.length; column++) {
    const reached = score[tail.length * width + column] ?? 0
    if (reached > best) [j, best] = [column, reached]
  }
  const found = { pairs: [] as Pair[], leftOnly: [] as number[], rightOnly: [] as number[] }
  while (i > 0 && j > 0) {
    const here = score[i * width + j] ?? 0
    if (here === (score[(i - 1) * width + j - 1] ?? 0) + (same(i, j) ? MATCH : MISMATCH)) {
      if (same(i, j)) found.pairs.unshift({ left: i - 1, right: j - 1 })
      i -= 1
      j -= 1
    } else if (here === (score[(i - 1) * width + j] ?? 0) + GAP) found.leftOnly.unshift(--i)
    else found.rightOnly.unshift(--j)
  }
  return found
}
