import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'

/** What a process counts of its own work. Labels are names of the program's own: never an id, a phone, a portal. */
export interface Meters {
  readonly registry: Registry
  /** An attempt at a step ended; all in ms. `storedMs` is what storing its end took. */
  attempt(facts: { step: string; outcome: string; waitedMs: number; ranMs: number; storedMs: number }): void
  /** A request to the upstream ended; `status` undefined where none came back. */
  upstream(facts: { family: string; status: number | undefined; ms: number }): void
  /** A delivery was answered. */
  delivery(facts: { source: string; outcome: string; ms: number }): void
  /** `written`, `found`, `kept`: how the write of an entry ended. */
  entry(how: string): void
  /** Rows that went by their age. */
  removed(what: string, rows: number): void
}

const stepBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900]
const upstreamBuckets = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900]
const deliveryBuckets = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2]

/** Meters in a registry of their own: two programs in one process (tests) do not count into each other. */
export function createMeters(): Meters {
  const registry = new Registry()
  const registers = [registry]
  const stepSeconds = new Histogram({
    name: 'callsift_step_seconds',
    help: 'Of each attempt: wait from due to taken (gates and windows included), run, and store; wait and store are the overhead.',
    labelNames: ['step', 'phase'],
    buckets: stepBuckets,
    registers,
  })
  const attempts = new Counter({
    name: 'callsift_attempts_total',
    help: 'Attempts at steps by how they ended.',
    labelNames: ['step', 'outcome'],
    registers,
  })
  const upstreamSeconds = new Histogram({
    name: 'callsift_upstream_request_seconds',
    help: 'Requests to VibeCode by gate family and HTTP status ("none": no answer).',
    labelNames: ['family', 'status'],
    buckets: upstreamBuckets,
    registers,
  })
  const deliveries = new Counter({
    name: 'callsift_deliveries_total',
    help: 'Events and robots that came in, by what became of them (unavailable: answered with 503, nothing stored).',
    labelNames: ['source', 'outcome'],
    registers,
  })
  const webhookSeconds = new Histogram({
    name: 'callsift_webhook_seconds',
    help: 'From the head of a delivery to its answer; an accepted one is committed by then.',
    labelNames: ['source'],
    buckets: deliveryBuckets,
    registers,
  })
  const entries = new Counter({
    name: 'callsift_entries_total',
    help: 'Entries in the CRM timeline: written, found after doubt, or kept from an earlier run.',
    labelNames: ['how'],
    registers,
  })
  const removals = new Counter({
    name: 'callsift_removed_by_age_total',
    help: 'Deliveries, transcripts and uploads that were removed because of their age.',
    labelNames: ['what'],
    registers,
  })
  for (const what of ['deliveries', 'transcripts', 'uploads']) removals.inc({ what }, 0)
  addProcess(registers)
  return {
    registry,
    attempt: ({ step, outcome, waitedMs, ranMs, storedMs }) => {
      attempts.inc({ step, outcome })
      for (const [phase, ms] of Object.entries({ wait: waitedMs, run: ranMs, store: storedMs }))
        stepSeconds.observe({ step, phase }, ms / 1000)
    },
    upstream: ({ family, status, ms }) =>
      upstreamSeconds.observe({ family, status: status === undefined ? 'none' : String(status) }, ms / 1000),
    delivery: ({ source, outcome, ms }) => {
      deliveries.inc({ source, outcome })
      webhookSeconds.observe({ source }, ms / 1000)
    },
    entry: (how) => entries.inc({ how }),
    removed: (what, rows) => removals.inc({ what }, rows),
  }
}

/** The process itself: memory, processor, and how late the event loop turns. */
function addProcess(registers: Registry[]): void {
  const delay = monitorEventLoopDelay({ resolution: 20 })
  delay.enable()
  new Gauge({
    name: 'callsift_event_loop_delay_seconds',
    help: 'How late timers ran since the scrape before.',
    labelNames: ['quantile'],
    registers,
    collect() {
      const seconds = (nanoseconds: number) => (Number.isFinite(nanoseconds) ? nanoseconds / 1e9 : 0)
      this.set({ quantile: '0.5' }, seconds(delay.percentile(50)))
      this.set({ quantile: '0.99' }, seconds(delay.percentile(99)))
      this.set({ quantile: '1' }, seconds(delay.max))
      delay.reset()
    },
  })
  new Gauge({
    name: 'callsift_process_memory_bytes',
    help: 'Memory of this process.',
    labelNames: ['kind'],
    registers,
    collect() {
      const { rss, heapUsed, external } = process.memoryUsage()
      for (const [kind, bytes] of Object.entries({ rss, heap: heapUsed, external })) this.set({ kind }, bytes)
    },
  })
  new Counter({
    name: 'callsift_process_cpu_seconds_total',
    help: 'Processor time of this process, user and system.',
    registers,
    collect() {
      const { user, system } = process.cpuUsage()
      this.reset()
      this.inc((user + system) / 1e6)
    },
  })
  new Gauge({
    name: 'callsift_process_start_seconds',
    help: 'When this process started, since 1970.',
    registers,
    collect() {
      this.set(Date.now() / 1000 - process.uptime())
    },
  })
}
