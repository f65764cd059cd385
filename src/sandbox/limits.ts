/** The service's limits: a sliding minute and a second per key, and a queue of two per portal. */
export interface LimitOptions {
  /** Requests per key in any 60 s; documented: 300. */
  readonly perMinute?: number
  /** Requests per key in any second; documented: 10. */
  readonly perSecond?: number
  /** Requests of one portal executing at once, AI routes apart; documented: 2. */
  readonly portalConcurrent?: number
  /** How long a request waits for its turn before 504 QUEUE_TIMEOUT; documented: 30,000. */
  readonly queueTimeoutMs?: number
  /** Multiplies perMinute and perSecond, for load tests. */
  readonly scale?: number
}

export interface Limits {
  perMinute: number
  perSecond: number
  portalConcurrent: number
  queueTimeoutMs: number
}

export function resolveLimits(options: LimitOptions = {}): Limits {
  const scale = options.scale ?? 1
  return {
    perMinute: (options.perMinute ?? 300) * scale,
    perSecond: (options.perSecond ?? 10) * scale,
    portalConcurrent: options.portalConcurrent ?? 2,
    queueTimeoutMs: options.queueTimeoutMs ?? 30_000,
  }
}

export interface RateState {
  readonly allowed: boolean
  readonly limit: number
  readonly remaining: number
  /** Seconds until a request is let through again (a delta, as documented), at least 1. */
  readonly resetSeconds: number
}

/** A sliding window of one key. Refused requests do not count, so that waiting the told time always helps. */
export class SlidingWindow {
  #times: number[] = []
  #head = 0

  take(now: number, limits: Limits): RateState {
    while (this.#head < this.#times.length && (this.#times[this.#head] ?? 0) <= now - 60_000) this.#head += 1
    if (this.#head > 4096) {
      this.#times = this.#times.slice(this.#head)
      this.#head = 0
    }
    const used = this.#times.length - this.#head
    const minuteFull = used >= limits.perMinute
    const nthLast = this.#times[this.#times.length - limits.perSecond]
    const secondFull = used >= limits.perSecond && nthLast !== undefined && nthLast > now - 1000
    const oldest = this.#times[this.#head] ?? now
    if (minuteFull || secondFull) {
      const resetSeconds = minuteFull ? Math.max(1, Math.ceil((oldest + 60_000 - now) / 1000)) : 1
      return {
        allowed: false,
        limit: limits.perMinute,
        remaining: minuteFull ? 0 : limits.perMinute - used,
        resetSeconds,
      }
    }
    this.#times.push(now)
    return {
      allowed: true,
      limit: limits.perMinute,
      remaining: limits.perMinute - used - 1,
      resetSeconds: Math.max(1, Math.ceil((oldest + 60_000 - now) / 1000)),
    }
  }
}

/** First come, first served; the waiter that waits too long is told so and leaves the queue. */
export class PortalQueue {
  #running = 0
  readonly #waiting: { start: () => void; gone: boolean }[] = []

  get running(): number {
    return this.#running
  }

  /** Answers a release function, or `undefined` after `queueTimeoutMs`. */
  async enter(limits: Limits): Promise<(() => void) | undefined> {
    if (this.#running < limits.portalConcurrent) {
      this.#running += 1
      return this.#releaseOnce()
    }
    return await new Promise((resolve) => {
      const waiter = {
        gone: false,
        start: () => {
          clearTimeout(timer)
          resolve(this.#releaseOnce())
        },
      }
      const timer = setTimeout(() => {
        waiter.gone = true
        resolve(undefined)
      }, limits.queueTimeoutMs)
      timer.unref()
      this.#waiting.push(waiter)
    })
  }

  #releaseOnce(): () => void {
    let released = false
    return () => {
      if (released) return
      released = true
      let next = this.#waiting.shift()
      while (next?.gone) next = this.#waiting.shift()
      // The slot goes straight to the next waiter, so that nobody can slip in between.
      if (next) next.start()
      else this.#running -= 1
    }
  }
}
