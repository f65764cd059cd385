import { fileURLToPath } from 'node:url'
import { sql } from 'kysely'
import { type Installation, install, type SandboxProcess, type Stores, startSandboxProcess } from './installation.ts'
import { pause, startNode, until } from './processes.ts'
import { note, type Row } from './report.ts'

export interface PipelinePlan {
  readonly portals: number
  /** Calls that stand there at once, so that the pipeline never runs dry. */
  readonly backlog: number
  /** Calls of the unsaturated run, and how many a second. */
  readonly gentle: { readonly calls: number; readonly perSecond: number }
}

interface Made {
  readonly eventForm: string
}

interface Entry {
  readonly seq: number
  readonly at: number
}

const bareChain = fileURLToPath(new URL('bare-chain-process.ts', import.meta.url))
const workerCount = 2
/** The shortest sound that carries a lead's words, so that decoding does not dominate; told as 60 s, or it would be filtered as too short. */
const words = { toneText: 'хочу купить', durationSeconds: 60, sendEvent: false }

async function entriesAfter(sandbox: SandboxProcess, after: number): Promise<Entry[]> {
  return await sandbox.control<Entry[]>('GET', `/effects?after=${after}&kind=timeline-log`)
}

/** Posts the events of new calls, so many a second (0 = as fast as they are answered), and waits until each has its entry. */
export async function runCalls(
  installation: Installation,
  sandbox: SandboxProcess,
  count: number,
  perSecond: number,
  withinMs: number,
): Promise<{ entries: readonly Entry[]; seconds: number }> {
  const before = (await entriesAfter(sandbox, 0)).length
  const portals = sandbox.portals.map((portal) => portal.name)
  const made = await sandbox.control<Made[]>('POST', '/calls/bulk', { portals, count, ...words })
  const startedAt = performance.now()
  const send = async (one: Made) => {
    const answer = await fetch(`${installation.origin}/webhooks/bitrix24`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: one.eventForm,
    })
    if (answer.status !== 200) throw new Error(`an event was answered with ${answer.status}: ${await answer.text()}`)
    await answer.arrayBuffer()
  }
  const sends: Promise<void>[] = []
  for (const [index, one] of made.entries()) {
    if (perSecond > 0) await pause(Math.max(0, startedAt + (index * 1000) / perSecond - performance.now()))
    sends.push(send(one))
    if (perSecond === 0 && sends.length % 50 === 0) await Promise.all(sends)
  }
  await Promise.all(sends)
  const entries = await until(
    async () => {
      const all = await entriesAfter(sandbox, 0)
      return all.length >= before + count ? all.slice(before) : null
    },
    `${count} entries`,
    withinMs,
  )
  return { entries, seconds: (performance.now() - startedAt) / 1000 }
}

async function cpuOf(installation: Installation): Promise<{ cpuMs: number; rssMb: number }> {
  const usages = await Promise.all([installation.serve, ...installation.workers].map((one) => one.usage()))
  return {
    cpuMs: usages.reduce((sum, one) => sum + one.cpuMs, 0),
    rssMb: Math.max(...usages.map((one) => one.rssMb)),
  }
}

async function measure(name: string, installation: Installation, sandbox: SandboxProcess, plan: PipelinePlan) {
  await runCalls(installation, sandbox, 20, 10, 60_000)
  const gentleFrom = new Date()
  const requestsBefore = (await sandbox.control<{ requests: number }>('GET', '/counters')).requests
  await runCalls(installation, sandbox, plan.gentle.calls, plan.gentle.perSecond, 120_000)
  const requests = (await sandbox.control<{ requests: number }>('GET', '/counters')).requests - requestsBefore
  const gentleTo = new Date()
  const before = await cpuOf(installation)
  const full = await runCalls(installation, sandbox, plan.backlog, 0, 240_000)
  const after = await cpuOf(installation)
  const result = {
    // From the first event to the last entry: stages that follow each other must not look like a burst.
    callsPerSecond: plan.backlog / full.seconds,
    requestsPerCall: requests / plan.gentle.calls,
    cpuMsPerCall: (after.cpuMs - before.cpuMs) / plan.backlog,
    rssMb: after.rssMb,
    gentleFrom,
    gentleTo,
  }
  note(
    `${name}: ${result.callsPerSecond.toFixed(1)} calls/s, ${result.requestsPerCall.toFixed(2)} requests and ${result.cpuMsPerCall.toFixed(0)} ms CPU a call, ${result.rssMb.toFixed(0)} MB`,
  )
  return result
}

/** The same requests by undici behind five BullMQ queues, and nothing else: no record, no gates, no leases. */
async function measureBareChain(
  stores: Stores,
  sandbox: SandboxProcess,
  calls: number,
  perCall: number,
): Promise<{ callsPerSecond: number; cpuMsPerCall: number }> {
  const keys = sandbox.portals.map((portal) => portal.apiKey)
  const order = { redisUrl: stores.redis.url, apiUrl: sandbox.apiUrl, keys, calls, requests: Math.round(perCall) }
  const chain = startNode(bareChain, [JSON.stringify(order)])
  try {
    const result = await chain.answer<{ callsPerSecond: number; cpuMsPerCall: number }>()
    note(`bare chain: ${result.callsPerSecond.toFixed(1)} calls/s, ${result.cpuMsPerCall.toFixed(1)} ms CPU a call`)
    return result
  } finally {
    await chain.stop()
  }
}

export async function measurePipeline(stores: Stores, plan: PipelinePlan): Promise<Row[]> {
  const sandbox = await startSandboxProcess(plan.portals, 50)
  const installation = await install({ stores, workers: workerCount, sandbox })
  try {
    const real = await measure('pipeline', installation, sandbox, plan)
    const overhead = await readOverheads(installation, real.gentleTo, new Date())
    const gentle = await readOverheads(installation, real.gentleFrom, real.gentleTo)
    const bare = await measureBareChain(stores, sandbox, plan.backlog, real.requestsPerCall)
    note(
      `step overhead, unsaturated: p50 ${gentle.p50.toFixed(1)} p95 ${gentle.p95.toFixed(1)} ms of ${gentle.steps}; with the backlog p50 ${overhead.p50.toFixed(1)} ms`,
    )
    return [
      {
        figure: 'pipeline: calls end to end',
        value: real.callsPerSecond,
        unit: '/s',
        ceiling: bare.callsPerSecond,
        promise: '≥ 90',
        met: real.callsPerSecond >= 90,
      },
      {
        figure: 'pipeline: step overhead p50, unsaturated',
        value: gentle.p50,
        unit: 'ms',
        ceiling: null,
        promise: '≤ 10',
        met: gentle.p50 <= 10,
      },
      {
        figure: 'pipeline: step overhead p95, unsaturated',
        value: gentle.p95,
        unit: 'ms',
        ceiling: null,
        promise: null,
        met: null,
      },
      {
        figure: 'pipeline: upstream requests a call',
        value: real.requestsPerCall,
        unit: '',
        ceiling: null,
        promise: '≤ 8',
        met: real.requestsPerCall <= 8,
      },
      {
        figure: 'pipeline: CPU a call',
        value: real.cpuMsPerCall,
        unit: 'ms',
        ceiling: bare.cpuMsPerCall,
        promise: null,
        met: null,
      },
      {
        figure: 'pipeline: memory of the largest process',
        value: real.rssMb,
        unit: 'MB',
        ceiling: null,
        promise: null,
        met: null,
      },
    ]
  } finally {
    await installation.stop()
    await sandbox.process.stop()
  }
}

/** Between a step's stored end and the next step's start, of the steps that began in this time. */
async function readOverheads(
  installation: Installation,
  from: Date,
  to: Date,
): Promise<{ p50: number; p95: number; steps: number }> {
  const { db } = await installation.record()
  const read = await sql<{ p50: number; p95: number; steps: number }>`
    with ordered as (
      select a.started_at, extract(epoch from a.started_at - lag(a.finished_at) over (partition by s.run_id order by a.started_at))::float8 * 1000 as gap
      from callsift.attempts a join callsift.steps s on s.id = a.step_id where a.outcome = 'value'
    )
    select coalesce(percentile_cont(0.5) within group (order by gap), 0) as p50,
      coalesce(percentile_cont(0.95) within group (order by gap), 0) as p95, count(*)::int as steps
    from ordered where gap is not null and started_at between ${from} and ${to}`.execute(db)
  return read.rows[0] ?? { p50: 0, p95: 0, steps: 0 }
}

export async function measureEmbeddedPipeline(plan: PipelinePlan): Promise<Row[]> {
  const sandbox = await startSandboxProcess(plan.portals, 50)
  const installation = await install({ stores: null, workers: 0, sandbox })
  try {
    const real = await measure('embedded pipeline', installation, sandbox, plan)
    const gentle = await readOverheads(installation, real.gentleFrom, real.gentleTo)
    return [
      {
        figure: 'embedded pipeline: calls end to end',
        value: real.callsPerSecond,
        unit: '/s',
        ceiling: null,
        promise: '≥ 20',
        met: real.callsPerSecond >= 20,
      },
      {
        figure: 'embedded pipeline: step overhead p50',
        value: gentle.p50,
        unit: 'ms',
        ceiling: null,
        promise: null,
        met: null,
      },
      {
        figure: 'embedded pipeline: CPU a call',
        value: real.cpuMsPerCall,
        unit: 'ms',
        ceiling: null,
        promise: null,
        met: null,
      },
      {
        figure: 'embedded memory: working',
        value: real.rssMb,
        unit: 'MB',
        ceiling: null,
        promise: '≤ 700',
        met: real.rssMb <= 700,
      },
    ]
  } finally {
    await installation.stop()
    await sandbox.process.stop()
  }
}
