import { fileURLToPath } from 'node:url'
import { createDatabase } from '../test/support/postgres.ts'
import { countCalls, nowhere, post, senders, warm, webhookPath } from './ingest.ts'
import { type Installation, install, type Stores } from './installation.ts'
import { load } from './load.ts'
import { type Measured, startNode } from './processes.ts'
import { note, type Row } from './report.ts'

const bareIntake = fileURLToPath(new URL('bare-intake-process.ts', import.meta.url))

/** What a mass change in Bitrix24 sends at once, how much there is at most, and the same calls told of again and again. */
export async function measureBursts(
  stores: Stores,
  plan: { rates: readonly number[]; stepSeconds: number; repeats: { posts: number; calls: number } },
): Promise<Row[]> {
  const bareDatabase = await createDatabase(stores.postgres.url)
  const bare = startNode(bareIntake, [bareDatabase.url])
  const real = await install({ stores, workers: 0, sandbox: nowhere })
  try {
    const { port } = await bare.answer<{ port: number }>()
    const bareOrigin = `http://127.0.0.1:${port}`
    await warm(bare, bareOrigin)
    await warm(real.serve, real.origin)
    return [
      ...(await burst(bare, bareOrigin, real)),
      await fastest(bare, bareOrigin, real, plan),
      ...(await repeat(real, plan.repeats)),
    ]
  } finally {
    await bare.stop()
    await real.stop()
    await bareDatabase.drop()
  }
}

async function burst(bare: Measured, bareOrigin: string, real: Installation): Promise<Row[]> {
  const before = await countCalls(real)
  const bareSmall = await post(bare, bareOrigin, 1_000, 1, 'bare burst')
  const small = await post(real.serve, real.origin, 1_000, 1, 'burst')
  const bareLarge = await post(bare, bareOrigin, 10_000, 1, 'bare burst')
  const large = await post(real.serve, real.origin, 10_000, 1, 'burst')
  const missing = before + 11_000 - small.notOk - large.notOk - (await countCalls(real))
  return [
    {
      figure: 'LD2 burst of 1,000 in a second: p99',
      value: small.p99Ms,
      unit: 'ms',
      ceiling: bareSmall.p99Ms,
      promise: '≤ 250, all 200',
      met: small.p99Ms <= 250 && small.notOk === 0,
    },
    {
      figure: 'LD2 burst of 10,000: the last answer after',
      value: large.sent / large.answeredPerSecond,
      unit: 's',
      ceiling: bareLarge.sent / bareLarge.answeredPerSecond,
      promise: '≤ 12, all 200',
      met: large.notOk === 0 && large.sent / large.answeredPerSecond <= 12,
    },
    {
      figure: 'LD2 burst of 10,000: memory of serve',
      value: large.rssMb,
      unit: 'MB',
      ceiling: bareLarge.rssMb,
      promise: '< 300',
      met: large.rssMb < 300,
    },
    {
      figure: 'LD2 accepted and not in the record',
      value: missing,
      unit: '',
      ceiling: null,
      promise: '0',
      met: missing === 0,
    },
  ]
}

/** The highest of the rates that was answered in full with p95 within 20 ms. */
async function fastest(
  bare: Measured,
  bareOrigin: string,
  real: Installation,
  plan: { rates: readonly number[]; stepSeconds: number },
): Promise<Row> {
  const climb = async (server: Measured, origin: string, what: string): Promise<number> => {
    let best = 0
    for (const rate of plan.rates) {
      const result = await post(server, origin, rate, plan.stepSeconds, what)
      if (result.notOk > 0 || result.p95Ms > 20) break
      best = rate
    }
    return best
  }
  const ceiling = await climb(bare, bareOrigin, 'bare')
  const value = await climb(real.serve, real.origin, 'serve')
  return {
    figure: 'LD3 highest step with p95 ≤ 20 ms',
    value,
    unit: '/s',
    ceiling,
    promise: '≥ 4,000',
    met: value >= 4_000,
  }
}

async function repeat(real: Installation, plan: { posts: number; calls: number }): Promise<Row[]> {
  const rate = 1_500
  const before = await countCalls(real)
  const result = await load(real.serve, {
    origin: real.origin,
    path: webhookPath,
    portals: senders,
    rate,
    seconds: plan.posts / rate,
    distinct: plan.calls,
  })
  const made = (await countCalls(real)) - before
  note(
    `${plan.posts} posts of ${plan.calls} calls at ${rate}/s: ${result.notOk} not 200, p99 ${result.p99Ms.toFixed(0)} ms, ${made} calls`,
  )
  return [
    {
      figure: `LD5 ${plan.posts} posts of ${plan.calls} calls: answered`,
      value: result.answeredPerSecond,
      unit: '/s',
      ceiling: rate,
      promise: '≥ 1,500, all 200',
      met: result.notOk === 0 && result.answeredPerSecond >= rate * 0.95,
    },
    {
      figure: 'LD5 calls in the record beyond those told of',
      value: made - plan.calls,
      unit: '',
      ceiling: null,
      promise: '0',
      met: made === plan.calls,
    },
  ]
}
