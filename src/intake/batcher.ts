import type { Acceptance } from './accept-calls.ts'
import type { IncomingCall } from './incoming-call.ts'

/** Takes calls one by one and stores those that come within a few milliseconds of each other in one transaction. */
export interface Batcher {
  /** Resolves when the call's transaction has committed; rejects when it could not be stored. */
  accept(call: IncomingCall): Promise<Acceptance>
  /** Waits for what is under way. */
  drain(): Promise<void>
}

interface Waiting {
  readonly call: IncomingCall
  readonly resolve: (acceptance: Acceptance) => void
  readonly reject: (error: unknown) => void
}

/**
 * Group commit. A batch that fails is tried call by call, so that one bad row cannot refuse its neighbours.
 * At most two batches are under way: while they commit, the next one fills.
 */
export function createBatcher(
  store: (calls: readonly IncomingCall[]) => Promise<Acceptance[]>,
  options: { windowMs?: number; maxBatch?: number } = {},
): Batcher {
  const windowMs = options.windowMs ?? 5
  const maxBatch = options.maxBatch ?? 100
  const waiting: Waiting[] = []
  let timer: NodeJS.Timeout | null = null
  const underWay = new Set<Promise<void>>()

  const settle = async (batch: readonly Waiting[]): Promise<void> => {
    try {
      const answers = await store(batch.map((one) => one.call))
      for (const [index, one] of batch.entries()) {
        const answer = answers[index]
        if (answer === undefined) one.reject(new Error('the batch gave no answer for this call'))
        else one.resolve(answer)
      }
    } catch (error) {
      const [only] = batch
      if (batch.length === 1 && only !== undefined) only.reject(error)
      else for (const one of batch) await settle([one])
    }
  }
  const flush = () => {
    timer = null
    while (waiting.length > 0 && underWay.size < 2) {
      const batch = waiting.splice(0, maxBatch)
      const work = settle(batch).finally(() => {
        underWay.delete(work)
        if (waiting.length > 0 && timer === null) flush()
      })
      underWay.add(work)
    }
  }
  return {
    accept: (call) =>
      new Promise((resolve, reject) => {
        waiting.push({ call, resolve, reject })
        if (waiting.length >= maxBatch) {
          if (timer !== null) clearTimeout(timer)
          flush()
        } else timer ??= setTimeout(flush, windowMs)
      }),
    drain: async () => {
      while (waiting.length > 0 || underWay.size > 0) {
        if (timer !== null) clearTimeout(timer)
        flush()
        await Promise.all(underWay)
      }
    },
  }
}
