import { fileURLToPath } from 'node:url'
import { type Measured, startNode } from './processes.ts'

export interface RouterLoadOrder {
  readonly origin: string
  readonly headers: Readonly<Record<string, string>>
  readonly model: string
  readonly kind: 'whole' | 'stream'
  readonly connections: number
  /** Ends after so long, or after so many requests. */
  readonly seconds: number
  readonly requests: number
}

export interface RouterLoadResult {
  readonly perSecond: number
  /** Until the last byte; of a stream until the first token. */
  readonly p50Ms: number
  readonly p99Ms: number
  readonly answered: number
  /** Answers with 200 and all that the provider sent. */
  readonly whole: number
}

export interface RouterLoad {
  run(order: RouterLoadOrder): Promise<RouterLoadResult>
  stop(): Promise<void>
}

/** A closed loop over so many connections, in a process of its own. */
export function startRouterLoad(): RouterLoad {
  const measured: Measured = startNode(fileURLToPath(new URL('router-load-process.ts', import.meta.url)), [])
  return {
    run: async (order) => {
      const answer = measured.answer<RouterLoadResult>()
      measured.child.send(order)
      return await answer
    },
    stop: measured.stop,
  }
}
