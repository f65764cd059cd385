import type { App } from '../context.ts'
import { noteOutcome, takeBulkTurn } from '../db/bulk-retries.ts'
import { UsageError } from '../errors.ts'
import { callRerun } from './call-again.ts'
import { runOperation } from './operation.ts'

export interface BulkRunner {
  /** From here on this process takes turns; one that only asks a question does not. */
  start(): void
  /** Something may be there to be done. */
  kick(): void
  stop(): Promise<void>
}

/** What another process was asked for is begun this soon. */
const lookEveryMs = 1_000
/** Calls of a transaction: bounded, so that those who take calls in wait for some ms at most; 100,000 are still through in half a minute. */
const turn = 25

/** Works through retries of many calls in the background, one turn at a time, also those that another process left half-done. */
export function createBulkRunner(app: Pick<App, 'log' | 'db'> & { whole(): App }): BulkRunner {
  let stopping = false
  let timer: NodeJS.Timeout | null = null
  let current: Promise<void> | null = null

  const takeTurn = async (): Promise<boolean> => {
    const taken = await takeBulkTurn(app.db, turn)
    if (taken === null) return false
    if (taken.from !== null) for (const call of taken.calls) await runAgain(app.whole(), taken.bulkId, taken.from, call)
    app.whole().engine.kick()
    return true
  }
  const work = async () => {
    // A breath between turns: on the embedded record everybody shares one session.
    while (!stopping && (await takeTurn())) await new Promise((resolve) => setImmediate(resolve))
  }
  const kick = () => {
    if (stopping || timer === null) return
    current ??= work()
      .catch((error: unknown) =>
        app.log.warn({ error: String(error) }, 'a retry of many calls stopped; the next round goes on'),
      )
      .finally(() => {
        current = null
      })
  }
  return {
    start: () => {
      timer ??= setInterval(kick, lookEveryMs)
      kick()
    },
    kick,
    stop: async () => {
      stopping = true
      if (timer !== null) clearInterval(timer)
      await current
    },
  }
}

async function runAgain(
  app: App,
  bulkId: string,
  from: string,
  call: { callId: string; state: string },
): Promise<void> {
  let outcome = 'written_or_ended'
  if (call.state === 'running') outcome = 'running'
  if (call.state === 'parked' || call.state === 'cancelled') {
    try {
      await runOperation(app, callRerun, { call: call.callId, from }, { actor: `retry ${bulkId}`, role: 'operator' })
      outcome = 'retried'
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
      outcome = 'refused'
    }
  }
  await noteOutcome(app.db, bulkId, [call.callId], outcome)
}
