/** Faults on demand. Each names the requests it meets; what it does to them is carried out in server.ts. */
export const faultKinds = [
  'status',
  'before',
  'after',
  'slow',
  'drip',
  'badJson',
  'html',
  'empty',
  'truncated',
  'hang',
  'reset',
  'appliedLate',
  'body',
] as const
type FaultKind = (typeof faultKinds)[number]

export interface FaultSpec {
  /** A route's name (letters, dots and dashes; see GET /__sandbox/routes), else a regular expression over `METHOD /v1/path`. */
  readonly route: string
  readonly portal?: string
  readonly kind: FaultKind
  /** Ends after so many hits. */
  readonly times?: number
  /** Hits every nth matching request only. */
  readonly every?: number
  /** Leaves so many matching requests alone first. */
  readonly skip?: number
  /** Hits with this probability (0 to 1), from `seed`. */
  readonly probability?: number
  readonly seed?: number
  /** `status`, `before`, `after`: the answer's status (defaults 429, 502, 502). */
  readonly status?: number
  readonly code?: string
  readonly message?: string
  readonly headers?: Record<string, string>
  /** Seconds, for 429 and 504: X-RateLimit-Reset, Retry-After and error.retryAfter. */
  readonly retryAfter?: number
  /** `after`: how the answer is lost once the request was applied. */
  readonly how?: 'status' | 'reset' | 'lost' | 'truncated'
  /** `slow`: the delay; `appliedLate`: how long after the 504 it is applied; `hang`: when the connection is dropped (never). */
  readonly delayMs?: number
  /** `drip`: bytes a second (1). */
  readonly bytesPerSecond?: number
  /** `body`: this text is answered with `status` (200) and `contentType`. */
  readonly body?: string
  readonly contentType?: string
  /** `slow` and others: 'openai' or 'v1' envelope; by default what the route documents. */
  readonly envelope?: 'openai' | 'v1'
}

export interface Fault extends FaultSpec {
  readonly id: number
  seen: number
  hits: number
}

interface Armed extends Fault {
  readonly pattern: RegExp | undefined
  readonly random: () => number
}

export class Faults {
  #armed: Armed[] = []
  #lastId = 0

  /** Throws when the kind is unknown or the route no regular expression. */
  add(spec: FaultSpec): Fault {
    if (!faultKinds.includes(spec.kind))
      throw new Error(`there is no fault "${spec.kind}"; there are ${faultKinds.join(', ')}`)
    this.#lastId += 1
    const armed: Armed = {
      ...spec,
      id: this.#lastId,
      seen: 0,
      hits: 0,
      pattern: /^[\w.-]+$/.test(spec.route) ? undefined : new RegExp(spec.route),
      random: seededRandom(spec.seed ?? this.#lastId),
    }
    this.#armed.push(armed)
    return armed
  }

  list(): Fault[] {
    return this.#armed.map(({ pattern: _pattern, random: _random, ...fault }) => fault)
  }

  /** Ends one fault, or all. */
  clear(id?: number): void {
    this.#armed = id === undefined ? [] : this.#armed.filter((fault) => fault.id !== id)
  }

  /** The first fault that meets this request, if any; counts it as hit. */
  meet(request: { route: string; method: string; path: string; portal: string | null }): Fault | undefined {
    for (const fault of this.#armed) {
      if (fault.portal !== undefined && fault.portal !== request.portal) continue
      if (fault.pattern ? !fault.pattern.test(`${request.method} ${request.path}`) : fault.route !== request.route)
        continue
      if (fault.times !== undefined && fault.hits >= fault.times) continue
      fault.seen += 1
      if (fault.seen <= (fault.skip ?? 0)) continue
      if (fault.every !== undefined && (fault.seen - (fault.skip ?? 0)) % fault.every !== 0) continue
      if (fault.probability !== undefined && fault.random() >= fault.probability) continue
      fault.hits += 1
      return fault
    }
    return undefined
  }
}

/** mulberry32: the same seed gives the same run. */
function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
