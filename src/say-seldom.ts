/**
 * What goes wrong goes wrong many times a second while a store is away: a log gets one line a period, with the count of those left unsaid.
 * `say` is handed what the line was about and that count.
 */
export function saySeldom<About extends unknown[]>(
  everyMs: number,
  say: (unsaid: number, ...about: About) => void,
  now: () => number = Date.now,
): (...about: About) => void {
  let nextAt = Number.NEGATIVE_INFINITY
  let unsaid = 0
  return (...about) => {
    if (now() < nextAt) {
      unsaid += 1
      return
    }
    nextAt = now() + everyMs
    say(unsaid, ...about)
    unsaid = 0
  }
}
