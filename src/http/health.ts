import type { FastifyInstance } from 'fastify'
import type { App } from '../context.ts'
import { isQueueStuck } from '../db/metrics.ts'
import { askRecord, listWorkers } from '../db/status.ts'
import { watchRedisPolicy } from '../engine/watch-redis-policy.ts'
import { watchLoop } from './loop-watch.ts'
import { within } from './read-body.ts'

/** A record or queue that takes longer over one small question is not ready. */
const patienceMs = 1_000

async function answers(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await within(work(), patienceMs, () => new Error('no answer'))
    return true
  } catch {
    return false
  }
}

/**
 * `/livez`: the process turns in time. `/readyz`: the record and the queue answer within a second, Redis has not been set to drop jobs, a
 * worker is alive, and steps that are due are being taken.
 */
export async function healthRoutes(scope: FastifyInstance, options: { app: App }): Promise<void> {
  const { app } = options
  const { workerTtlMs, stuckMs } = app.config.timings
  const { redisUrl } = app.config.secrets
  const isQueueSafe = redisUrl === undefined || app.config.dev ? () => true : watchRedisPolicy(redisUrl)
  const loop = watchLoop()
  scope.addHook('onClose', async () => loop.stop())
  scope.get('/livez', async (_request, reply) => {
    const alive = !loop.stalled()
    return reply.code(alive ? 200 : 503).send({ alive })
  })
  scope.get('/readyz', async (_request, reply) => {
    let workers = 0
    let stuck = false
    const [record, queue] = await Promise.all([
      answers(async () => {
        await askRecord(app.db)
        workers = (await listWorkers(app.db, workerTtlMs)).filter((worker) => worker.alive).length
        stuck = await isQueueStuck(app.db, { workerTtlMs, stuckMs })
      }),
      answers(() => app.queues.ping()),
    ])
    const safe = isQueueSafe()
    const ready = record && queue && safe && workers > 0 && !stuck
    return reply.code(ready ? 200 : 503).send({ ready, record, queue, safe, workers, stuck })
  })
}
