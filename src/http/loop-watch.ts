/** So often the loop is looked at, so many looks are kept, and all of them must be late for the process to count as stalled. */
const everyMs = 500
const looks = 3
const lateMs = 1_000

export interface LoopWatch {
  /** Whether the event loop has been turning late for some time: not one hiccup, but every look of the last ones. */
  stalled(): boolean
  stop(): void
}

/** Watches how late a timer of this process runs. `now` in ms, monotonic. */
export function watchLoop(now: () => number = () => performance.now()): LoopWatch {
  const lags: number[] = []
  let expected = now() + everyMs
  const timer = setInterval(() => {
    const current = now()
    lags.push(current - expected)
    if (lags.length > looks) lags.shift()
    expected = current + everyMs
  }, everyMs)
  timer.unref()
  return {
    stalled: () => lags.length === looks && lags.every((lag) => lag >= lateMs),
    stop: () => clearInterval(timer),
  }
}
