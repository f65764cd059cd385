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

const plain = (word: string) => word.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '')

/**
 * Aligns the end of `left` with the beginning of `right` (overlap alignment: what stands before the stretch on the left and after it on
 * the right costs nothing) and joins them at the middle one of the pairs found. `bound`: no more words than could be spoken in the
 * overlap are looked at, else a phrase said twice would swallow what lies between. Fewer than two pairs are chance.
 */
export function dovetail(left: readonly string[], right: readonly string[], bound: number): Dovetail {
  const tail = left.slice(-bound).map(plain)
  const head = right.slice(0, bound).map(plain)
  const offset = left.length - tail.length
  const width = head.length + 1
  const score = new Float64Array((tail.length + 1) * width)
  for (let j = 1; j <= head.length; j++) score[j] = j * GAP
  for (let i = 1; i <= tail.length; i++) {
    for (let j = 1; j <= head.length; j++) {
      const same = tail[i - 1] === head[j - 1] && tail[i - 1] !== ''
      const paired = (score[(i - 1) * width + j - 1] ?? 0) + (same ? MATCH : MISMATCH)
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
  const pairs: { left: number; right: number }[] = []
  while (i > 0 && j > 0) {
    const here = score[i * width + j] ?? 0
    const same = tail[i - 1] === head[j - 1] && tail[i - 1] !== ''
    if (here === (score[(i - 1) * width + j - 1] ?? 0) + (same ? MATCH : MISMATCH)) {
      if (same) pairs.push({ left: offset + i - 1, right: j - 1 })
      i -= 1
      j -= 1
    } else if (here === (score[(i - 1) * width + j] ?? 0) + GAP) i -= 1
    else j -= 1
  }
  const middle = pairs[Math.floor(pairs.length / 2)]
  if (middle === undefined || pairs.length < MIN_PAIRS) {
    return { leftWords: left.length, rightSkipped: 0, aligned: false }
  }
  return { leftWords: middle.left + 1, rightSkipped: middle.right + 1, aligned: true }
}
