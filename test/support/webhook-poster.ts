import { monitorEventLoopDelay } from 'node:perf_hooks'
import { parentPort, workerData } from 'node:worker_threads'
import { Pool } from 'undici'

/** What the poster is given: forms, each posted when it is due, whether or not the one before was answered. It begins when it is told to. */
export interface Posting {
  readonly origin: string
  readonly forms: readonly string[]
  readonly perSecond: number
}

export interface Posted {
  readonly statuses: Readonly<Record<string, number>>
  /** Of each form in its order, ms from when it was due to the end of its answer. */
  readonly times: readonly number[]
  /** How late this thread itself was, ms: what of the times is not the server's. */
  readonly ownDelayMs: number
}

const { origin, forms, perSecond } = workerData as Posting
const pool = new Pool(origin, { connections: 20 })
const delay = monitorEventLoopDelay({ resolution: 5 })
delay.enable()
parentPort?.postMessage('ready')
await new Promise((resolve) => parentPort?.once('message', resolve))
const statuses: Record<string, number> = {}
const times: number[] = []
const startedAt = performance.now()
await Promise.all(
  forms.map(async (body, n) => {
    const dueAt = startedAt + (n * 1_000) / perSecond
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, dueAt - performance.now())))
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const answer = await pool
      .request({ path: '/webhooks/bitrix24', method: 'POST', headers, body })
      .then(async ({ statusCode, body: rest }) => {
        await rest.dump()
        return String(statusCode)
      })
      .catch((error: unknown) => String(error))
    times[n] = performance.now() - dueAt
    statuses[answer] = (statuses[answer] ?? 0) + 1
  }),
)
delay.disable()
await pool.close()
parentPort?.postMessage({ statuses, times, ownDelayMs: delay.percentile(99) / 1e6 } satisfies Posted)
