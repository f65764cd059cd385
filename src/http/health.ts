import type { FastifyInstance } from 'fastify'
import type { App } from '../context.ts'
import { askRecord, listWorkers } from '../db/status.ts'
import { within } from './read-body.ts'

const patienceMs = 1_500

async function answers(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await within(work(), patienceMs, () => new Error('no answer'))
    return true
  } catch {
    return false
  }
}

/** `/livez`: the process turns. `/readyz`: the record and the queue answer, and a worker is alive. */
export async function healthRoutes(scope: FastifyInstance, options: { app: App }): Promise<void> {
  const { app } = options
  scope.get('/livez', async () => ({ alive: true }))
  scope.get('/readyz', async (_request, reply) => {
    let alive = 0
    const [record, queue] = await Promise.all([
      answers(async () => {
        await askRecord(app.db)
        alive = (await listWorkers(app.db, app.config.timings.workerTtlMs)).filter((worker) => worker.alive).length
      }),
      answers(() => app.queues.ping()),
    ])
    const ready = record && queue && alive > 0
    return reply.code(ready ? 200 : 503).send({ ready, record, queue, workers: alive })
  })
}
