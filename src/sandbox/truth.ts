/** What the tests believe: everything that was applied, and every request that came. In memory, as all of the sandbox. */
export interface Effect {
  readonly seq: number
  readonly at: number
  readonly portal: string
  readonly key: string
  readonly requestId: string
  /** `timeline-log`, `chat`, `transcription`, `create`, `update`, `delete`, `comment`, `note`, `bot-message`, `transcript`, … */
  readonly kind: string
  readonly detail: Record<string, unknown>
}

export interface RequestRecord {
  readonly seq: number
  /** When the head of the request had come, ms since 1970. */
  readonly at: number
  readonly portal: string | null
  readonly key: string | null
  readonly family: string
  readonly route: string
  readonly method: string
  readonly path: string
  readonly requestId: string
  /** 0 = the connection was broken or never answered. */
  status: number
  ms: number
  fault: string | null
  /** ms left of a wait that an earlier 429 to the same key and family asked for; 0 = the request came in due time. */
  readonly earlyMs: number
  /** ms since that 429 had been answered: a request already under way then has a few. */
  readonly sinceRefusalMs: number
}

export interface Counters {
  requests: number
  refused429: number
  queueTimeouts: number
  /** Requests that came while a 429 told their key and family to wait. */
  duringWait: number
  /** The same, without those that came within 250 ms of the 429 and so may have crossed it on the way. */
  duringWaitLate: number
  faults: number
}

const keptRequests = 100_000

export class Truth {
  readonly effects: Effect[] = []
  readonly counters: Counters = {
    requests: 0,
    refused429: 0,
    queueTimeouts: 0,
    duringWait: 0,
    duringWaitLate: 0,
    faults: 0,
  }
  #requests: RequestRecord[] = []
  #requestSeq = 0
  readonly #waits = new Map<string, { until: number; answeredAt: number }>()

  effect(entry: Omit<Effect, 'seq'>): Effect {
    const stored = { seq: this.effects.length + 1, ...entry }
    this.effects.push(stored)
    return stored
  }

  /** Effects with a number above `after`, in the order in which they were applied. */
  effectsAfter(after: number, filter: { kind?: string | undefined; portal?: string | undefined } = {}): Effect[] {
    return this.effects
      .slice(Math.max(0, after))
      .filter(
        (effect) =>
          (!filter.kind || effect.kind === filter.kind) && (!filter.portal || effect.portal === filter.portal),
      )
  }

  request(entry: Omit<RequestRecord, 'seq' | 'status' | 'ms' | 'fault' | 'earlyMs' | 'sinceRefusalMs'>): RequestRecord {
    this.#requestSeq += 1
    this.counters.requests += 1
    const wait = entry.key === null ? undefined : this.#waits.get(`${entry.key} ${entry.family}`)
    const early = wait !== undefined && entry.at < wait.until
    const since = early ? entry.at - wait.answeredAt : 0
    if (early) this.counters.duringWait += 1
    if (early && since > 250) this.counters.duringWaitLate += 1
    const record: RequestRecord = {
      seq: this.#requestSeq,
      ...entry,
      status: 0,
      ms: 0,
      fault: null,
      earlyMs: early ? wait.until - entry.at : 0,
      sinceRefusalMs: since,
    }
    this.#requests.push(record)
    // Dropped in blocks: shifting one by one would move 100,000 entries for each request.
    if (this.#requests.length > keptRequests * 1.1) this.#requests = this.#requests.slice(-keptRequests)
    return record
  }

  /** A 429 with a wait was answered to this key and family. */
  refused(key: string, family: string, at: number, waitMs: number): void {
    const name = `${key} ${family}`
    const known = this.#waits.get(name)
    if (!known || known.until < at + waitMs) this.#waits.set(name, { until: at + waitMs, answeredAt: at })
  }

  requests(after = 0): RequestRecord[] {
    return this.#requests.slice(-keptRequests).filter((record) => record.seq > after)
  }
}
