import { promisify } from 'node:util'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Gauge, Registry } from 'prom-client'
import type { App } from '../context.ts'
import { isQueueStuck, type RecordFigures, readRecordFigures } from '../db/metrics.ts'
import { countRuns } from '../db/status.ts'
import type { Auth } from './auth.ts'
import { isLoopback, isLoopbackHost } from './loopback.ts'
import { within } from './read-body.ts'

/** Figures that are asked for again within this are answered from memory: several scrapers cost the record no more than one. */
const freshMs = 3_000
/** Runs are counted over all that ever ran, so less often. */
const freshTotalsMs = 30_000
const patienceMs = 4_000

/** Keeps an answer for `forMs`; those who ask while it is being made wait for the same one. */
function cached<Value>(forMs: number, read: () => Promise<Value>): () => Promise<Value> {
  let at = Number.NEGATIVE_INFINITY
  let value: Promise<Value> | null = null
  return () => {
    if (value === null || performance.now() - at > forMs) {
      at = performance.now()
      value = within(read(), patienceMs, () => new Error(`no answer within ${patienceMs} ms`))
      value.catch(() => {
        value = null
      })
    }
    return value
  }
}

/** `/metrics` for Prometheus: this process's own counters, and what the record and the queue say at the time of asking. */
export async function metricsRoutes(
  scope: FastifyInstance,
  options: { app: App; auth: Auth; boundToLoopback: boolean },
): Promise<void> {
  const { app, auth, boundToLoopback } = options
  const admit = async (request: FastifyRequest) => {
    if (boundToLoopback && isLoopback(request.ip) && isLoopbackHost(request.headers.host)) return
    // Prometheus can do both.
    if (/^Basic /i.test(request.headers.authorization ?? '')) await auth.basic(request)
    else await auth.api(request)
  }
  const gauges = createGauges(app)
  const connections = new Gauge({
    name: 'callsift_http_connections',
    help: 'Connections that callers hold open to this process.',
    registers: [gauges.registry],
  })
  const countConnections = promisify(scope.server.getConnections.bind(scope.server))
  scope.get('/metrics', { onRequest: admit }, async (_request, reply) => {
    await gauges.refresh()
    connections.set(await countConnections())
    const text = await Registry.merge([app.meters.registry, gauges.registry]).metrics()
    return reply.type(Registry.PROMETHEUS_CONTENT_TYPE).send(text)
  })
}

interface Gauges {
  readonly registry: Registry
  refresh(): Promise<void>
}

function createGauges(app: App): Gauges {
  const { workerTtlMs, stuckMs } = app.config.timings
  const registry = new Registry()
  const gauge = (name: string, help: string, labelNames: string[] = []) =>
    new Gauge({ name: `callsift_${name}`, help, labelNames, registers: [registry] })
  const of = {
    ready: gauge('steps_ready', 'Steps without a job: due, waiting for their time, blocked by a gate.', [
      'queue',
      'standing',
    ]),
    running: gauge('steps_running', 'Steps that a worker has in hand.', ['queue']),
    dispatched: gauge('steps_dispatched', 'Steps whose job is in the queue.', ['queue']),
    parked: gauge('steps_parked', 'Steps that wait for a person, by what is wrong.', ['class']),
    oldest: gauge('oldest_due_seconds', 'How long the step that waits longest has been due.'),
    runs: gauge('runs', 'Runs by state.', ['state']),
    gates: gauge('gates_closed', 'Closed gates; person: open only when somebody has mended the cause.', [
      'name',
      'class',
      'person',
    ]),
    slots: gauge('portal_slots_in_use', 'Requests that portals execute at the moment (two each at most).'),
    workers: gauge('workers', 'Living workers by release.', ['version']),
    jobs: gauge('queue_jobs', 'Jobs in the queue.', ['queue', 'state']),
    stuck: gauge('queue_stuck', '1: steps are due for long while a worker of their queue is idle.'),
    record: gauge('record_up', '1: the record (database) answers.'),
    queue: gauge('queue_up', '1: the queue answers.'),
    build: gauge('build_info', 'What runs here; always 1.', ['version', 'node', 'record', 'queue', 'mode', 'level']),
  }
  const figures = cached(freshMs, async () => ({
    ...(await readRecordFigures(app.db, workerTtlMs)),
    stuck: await isQueueStuck(app.db, { workerTtlMs, stuckMs }),
  }))
  const totals = cached(freshTotalsMs, () => countRuns(app.db))
  const jobs = cached(
    freshMs,
    async () =>
      await Promise.all(app.registry.queues.map(async (queue) => ({ queue, ...(await app.queues.counts(queue)) }))),
  )

  const setRecord = (read: RecordFigures & { stuck: boolean }) => {
    for (const { queue, standing, n } of read.ready) of.ready.set({ queue, standing }, n)
    for (const { queue, state, n } of read.flying) of[state === 'running' ? 'running' : 'dispatched'].set({ queue }, n)
    for (const { n, ...labels } of read.parked) of.parked.set(labels, n)
    for (const { n, name, class: reason, person } of read.gates)
      of.gates.set({ name, class: reason, person: String(person) }, n)
    for (const { version, n } of read.workers) of.workers.set({ version }, n)
    of.oldest.set(read.oldestDueSeconds)
    of.slots.set(read.slotsInUse)
    of.stuck.set(read.stuck ? 1 : 0)
  }
  /** Series that a query does not name are zero, not gone: an alert on a missing series never fires. */
  const clear = () => {
    for (const one of [of.ready, of.running, of.dispatched, of.parked, of.gates, of.workers, of.jobs, of.build])
      one.reset()
    for (const queue of app.registry.queues) {
      for (const standing of ['due', 'waiting', 'blocked']) of.ready.set({ queue, standing }, 0)
      of.running.set({ queue }, 0)
      of.dispatched.set({ queue }, 0)
    }
    of.workers.set({ version: app.version }, 0)
  }
  return {
    registry,
    refresh: async () => {
      const [record, counted, queued] = await Promise.allSettled([figures(), totals(), jobs()])
      clear()
      of.record.set(record.status === 'fulfilled' ? 1 : 0)
      of.queue.set(queued.status === 'fulfilled' ? 1 : 0)
      if (record.status === 'fulfilled') setRecord(record.value)
      if (counted.status === 'fulfilled')
        for (const [state, n] of Object.entries(counted.value)) of.runs.set({ state }, n)
      if (queued.status === 'fulfilled') {
        for (const { queue, waiting, active } of queued.value) {
          of.jobs.set({ queue, state: 'waiting' }, waiting)
          of.jobs.set({ queue, state: 'active' }, active)
        }
      }
      const level = record.status === 'fulfilled' ? String(record.value.level) : 'unknown'
      const { connection, queues, config } = app
      of.build.set(
        {
          version: app.version,
          node: process.versions.node,
          record: connection.kind,
          queue: queues.kind,
          mode: config.mode,
          level,
        },
        1,
      )
    },
  }
}
