import type { Timings } from '../../src/config.ts'
import type { Connection } from '../../src/db/connect.ts'
import type { PglitePool } from '../../src/db/pglite-pool.ts'
import { createEngine, type Engine } from '../../src/engine/engine.ts'
import { createQueues, type Queues } from '../../src/engine/queues.ts'
import type { Registry } from '../../src/engine/registry.ts'
import { silentLog, timingsOf } from './engine-bench.ts'
import { type Act, type TestContext, testRegistry } from './engine-workflows.ts'

/** Durations at about a tenth. */
export const quick: Partial<Timings> = {
  dispatchTickMs: 100,
  workerTtlMs: 900,
  sweepMs: 150,
  lostJobMs: 500,
  retryDelaysMs: [30, 60, 90, 120, 150],
}

export interface EngineProcess {
  readonly engine: Engine<TestContext>
  readonly queues: Queues
}

/** What one process of the program holds: its own connections to the record, its own queue, its own engine. */
export async function startEngine(options: {
  connection: Connection
  redis?: { url: string; prefix: string }
  act: Act
  timings?: Partial<Timings>
  concurrency?: number
  /** A release with other workflows than the test's own. */
  registry?: Registry<TestContext>
  /** Only dispatches and sweeps. */
  idle?: boolean
}): Promise<EngineProcess> {
  const { connection, redis } = options
  const timings = timingsOf({ ...quick, ...options.timings })
  const queues =
    redis !== undefined
      ? await createQueues({ redisUrl: redis.url, prefix: redis.prefix, log: silentLog })
      : connection.kind === 'postgres'
        ? await createQueues({ kind: 'postgres', pool: connection.pool, log: silentLog })
        : await createQueues({ kind: 'pglite', pool: connection.pool as unknown as PglitePool, log: silentLog })
  const engine = createEngine<TestContext>({
    db: connection.db,
    queues,
    registry: options.registry ?? testRegistry(),
    timings,
    windows: { crm: 8, portal: 8, ai: 8, none: 8 },
    log: silentLog,
    version: 'test',
    random: () => 0.5,
    withContext: (attempt, use) => use({ scope: attempt, act: options.act }),
  })
  await engine.start()
  if (options.idle !== true) await engine.work({ concurrency: () => options.concurrency ?? 4 })
  return { engine, queues }
}
