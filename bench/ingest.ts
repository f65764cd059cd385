import { fileURLToPath } from 'node:url'
import { request } from 'undici'
import { createDatabase } from '../test/support/postgres.ts'
import { type Installation, install, type Stores } from './installation.ts'
import { type LoadUsage, load } from './load.ts'
import { type Measured, startNode } from './processes.ts'
import { note, type Row } from './report.ts'

export const webhookPath = '/webhooks/bitrix24'
const bareIntake = fileURLToPath(new URL('bare-intake-process.ts', import.meta.url))
/** Nothing is asked of them here: no worker runs. */
export const silentPortals = Array.from({ length: 20 }, (_, n) => ({
  name: `portal-${n}`,
  apiKey: `vibe_api_bench_${n}`,
  memberId: `bench-member-${n}`,
  applicationToken: `bench-token-of-portal-${n}`,
  domain: `portal-${n}.bitrix24.ru`,
}))
export const senders = silentPortals.map((portal) => ({ memberId: portal.memberId, token: portal.applicationToken }))
export const nowhere = { portals: silentPortals, apiUrl: 'http://127.0.0.1:9/v1' }

export interface IngestPlan {
  readonly rates: readonly number[]
  readonly stepSeconds: number
  readonly sustainedSeconds: number
}

export async function post(
  server: Measured,
  origin: string,
  rate: number,
  seconds: number,
  what: string,
): Promise<LoadUsage> {
  const result = await load(server, { origin, path: webhookPath, portals: senders, rate, seconds })
  const { p50Ms, p95Ms, p99Ms, notOk, cpuMsPerRequest, rssMb, loopP99Ms, generatorLateMs } = result
  note(
    `${what} ${rate}/s for ${seconds} s: p50 ${p50Ms.toFixed(1)} p95 ${p95Ms.toFixed(1)} p99 ${p99Ms.toFixed(1)} ms, ${notOk} not 200, ` +
      `${(cpuMsPerRequest * 1000).toFixed(0)} µs CPU a request, ${rssMb.toFixed(0)} MB, loop p99 ${loopP99Ms.toFixed(1)} ms, generator late by ${generatorLateMs.toFixed(0)} ms`,
  )
  return result
}

/** The highest of the rates that was answered in full with p99 within 50 ms. */
async function climb(server: Measured, origin: string, plan: IngestPlan, what: string): Promise<LoadUsage | null> {
  let best: LoadUsage | null = null
  for (const rate of plan.rates) {
    const result = await post(server, origin, rate, plan.stepSeconds, what)
    if (result.notOk > 0 || result.p99Ms > 50) break
    best = result
  }
  return best
}

export /** Until code is compiled and tables have grown past their first pages: the first seconds of a process say nothing of its days. */
async function warm(server: Measured, origin: string, rates: readonly number[] = [200, 1_000]): Promise<void> {
  for (const rate of rates) await load(server, { origin, path: webhookPath, portals: senders, rate, seconds: 4 })
}

export async function countCalls(of: Installation): Promise<number> {
  const { db } = await of.record()
  const { calls } = await db
    .selectFrom('callsift.calls')
    .select((count) => count.fn.countAll<string>().as('calls'))
    .executeTakeFirstOrThrow()
  return Number(calls)
}

export async function measureIngest(stores: Stores, plan: IngestPlan): Promise<Row[]> {
  const rows: Row[] = []
  const sustainedRate = 1_000
  const bareDatabase = await createDatabase(stores.postgres.url)
  const bare = startNode(bareIntake, [bareDatabase.url])
  const real = await install({ stores, workers: 0, sandbox: nowhere })
  try {
    const { port } = await bare.answer<{ port: number }>()
    const bareOrigin = `http://127.0.0.1:${port}`
    await warm(bare, bareOrigin)
    await warm(real.serve, real.origin)
    const first = await real.serve.usage()
    const bareTop = await climb(bare, bareOrigin, plan, 'bare')
    const ceiling = await post(bare, bareOrigin, sustainedRate, plan.sustainedSeconds, 'bare')
    const top = await climb(real.serve, real.origin, plan, 'serve')
    const before = await countCalls(real)
    const sustained = await post(real.serve, real.origin, sustainedRate, plan.sustainedSeconds, 'serve')
    const lost = before + sustained.sent - sustained.notOk - (await countCalls(real))
    rows.push(
      {
        figure: 'LD1 ingest: highest step with p99 ≤ 50 ms',
        value: top?.rate ?? 0,
        unit: '/s',
        ceiling: bareTop?.rate ?? null,
        promise: '≥ 1,000',
        met: (top?.rate ?? 0) >= 1_000,
      },
      {
        figure: `ingest: p99 at 1,000/s, ${plan.sustainedSeconds} s`,
        value: sustained.p99Ms,
        unit: 'ms',
        ceiling: ceiling.p99Ms,
        promise: '≤ 50',
        met: sustained.p99Ms <= 50,
      },
      {
        figure: 'ingest: p50 at 1,000/s',
        value: sustained.p50Ms,
        unit: 'ms',
        ceiling: ceiling.p50Ms,
        promise: null,
        met: null,
      },
      {
        figure: 'ingest: not 200 at 1,000/s',
        value: sustained.notOk,
        unit: '',
        ceiling: ceiling.notOk,
        promise: '0',
        met: sustained.notOk === 0,
      },
      {
        figure: 'ingest: accepted and not in the record',
        value: lost,
        unit: '',
        ceiling: null,
        promise: '0',
        met: lost === 0,
      },
      {
        figure: 'ingest: CPU a request',
        value: sustained.cpuMsPerRequest * 1000,
        unit: 'µs',
        ceiling: ceiling.cpuMsPerRequest * 1000,
        promise: null,
        met: null,
      },
      {
        figure: 'ingest: event loop delay p99',
        value: sustained.loopP99Ms,
        unit: 'ms',
        ceiling: ceiling.loopP99Ms,
        promise: null,
        met: null,
      },
      {
        figure: 'memory: serve idle',
        value: first.rssMb,
        unit: 'MB',
        ceiling: null,
        promise: '≤ 200',
        met: first.rssMb <= 200,
      },
      {
        figure: 'memory: serve at 1,000/s',
        value: sustained.rssMb,
        unit: 'MB',
        ceiling: ceiling.rssMb,
        promise: null,
        met: null,
      },
      {
        figure: 'start: serve answers',
        value: real.startedMs,
        unit: 'ms',
        ceiling: null,
        promise: '≤ 1,000',
        met: real.startedMs <= 1_000,
      },
    )
    // Last, because the queue's memory is lost with it.
    await stores.redis.kill?.()
    const down = await post(real.serve, real.origin, sustainedRate, plan.sustainedSeconds, 'serve, Redis down')
    rows.push({
      figure: 'ingest: p99 at 1,000/s, Redis down',
      value: down.p99Ms,
      unit: 'ms',
      ceiling: ceiling.p99Ms,
      promise: '≤ 50',
      met: down.p99Ms <= 50 && down.notOk === 0,
    })
    await stores.redis.restart?.()
  } finally {
    await bare.stop()
    await real.stop()
    await bareDatabase.drop()
  }
  return rows
}

/** Embedded: no ceiling of a bare server, because the record's own engine is the limit; its workers run beside it, and find nobody. */
export async function measureEmbeddedIngest(seconds: number): Promise<Row[]> {
  const real = await install({ stores: null, workers: 0, sandbox: nowhere })
  try {
    const idle = await real.serve.usage()
    await warm(real.serve, real.origin, [200])
    const result = await post(real.serve, real.origin, 200, seconds, 'embedded')
    const answer = await request(`${real.origin}/livez`)
    await answer.body.dump()
    return [
      {
        figure: `embedded ingest: p99 at 200/s, ${seconds} s`,
        value: result.p99Ms,
        unit: 'ms',
        ceiling: null,
        promise: 'all 200',
        met: result.notOk === 0,
      },
      {
        figure: 'embedded ingest: answered',
        value: result.answeredPerSecond,
        unit: '/s',
        ceiling: 200,
        promise: '≥ 200',
        met: result.notOk === 0 && result.answeredPerSecond >= 190,
      },
      {
        figure: 'embedded memory: idle',
        value: idle.rssMb,
        unit: 'MB',
        ceiling: null,
        promise: '≤ 700',
        met: idle.rssMb <= 700,
      },
    ]
  } finally {
    await real.stop()
  }
}
