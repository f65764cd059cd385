import { install, type Stores, startSandboxProcess } from './installation.ts'
import { runCalls } from './pipeline.ts'
import type { Usage } from './processes.ts'
import { note, type Row } from './report.ts'

const perSecond = 4
/** Until then caches fill and code is compiled. */
const warmMinutes = 2
/** MB in ten minutes. */
const maxGrowthMb = 1

/** A low steady rate against an upstream that fails now and then: does anything grow, and is every call written once? */
export async function measureSoak(stores: Stores, seconds: number): Promise<Row[]> {
  const sandbox = await startSandboxProcess(20, 50)
  const installation = await install({
    stores,
    workers: 1,
    sandbox,
    // A write in doubt waits out Bitrix24's own minute otherwise, which a short run has not got.
    environment: {
      CALLSIFT_TIMINGS: JSON.stringify({ doubtWaitMs: 6_500, retryDelaysMs: [500, 1_000, 2_000, 4_000, 8_000] }),
    },
  })
  const processes = [installation.serve, ...installation.workers]
  const usages = () => Promise.all(processes.map((one) => one.usage()))
  try {
    await runCalls(installation, sandbox, 20, 10, 60_000)
    await sandbox.control('POST', '/faults', {
      route: '.*',
      kind: 'status',
      status: 429,
      probability: 0.05,
      seed: 1,
      retryAfter: 1,
    })
    await sandbox.control('POST', '/faults', { route: '.*', kind: 'before', status: 502, probability: 0.03, seed: 2 })
    await sandbox.control('POST', '/faults', { route: '.*', kind: 'after', status: 502, probability: 0.02, seed: 3 })
    const first = await usages()
    const heaps: [minutes: number, heapMb: number][][] = processes.map(() => [])
    const startedAt = performance.now()
    const watching = setInterval(() => {
      usages()
        .then((seen) => {
          const minutes = (performance.now() - startedAt) / 60_000
          for (const [index, one] of seen.entries()) heaps[index]?.push([minutes, one.heapMb])
        })
        .catch((error: unknown) => note(`could not look: ${String(error)}`))
    }, 2_000)
    const calls = Math.round(perSecond * seconds)
    const run = await runCalls(installation, sandbox, calls, perSecond, (seconds + 240) * 1_000).finally(() =>
      clearInterval(watching),
    )
    const last = await usages()
    const extra = (await sandbox.control<unknown[]>('GET', '/effects?after=0&kind=timeline-log')).length - calls - 20
    const grownMb = Math.max(...heaps.map(growth))
    const grown = Math.max(...last.map((one, index) => one.files - (first[index] as Usage).files))
    note(`soak: ${calls} calls in ${run.seconds.toFixed(0)} s, ${run.entries.length} entries, ${grown} more open files`)
    return [
      {
        figure: `soak, ${seconds} s: entries beyond one a call`,
        value: extra,
        unit: '',
        ceiling: null,
        promise: '0',
        met: extra === 0,
      },
      {
        figure: `soak: growth of the heap of the process that grows most (${heaps.map((points) => growth(points).toFixed(2)).join(', ')})`,
        value: grownMb,
        unit: 'MB in 10 min',
        ceiling: null,
        promise: seconds < 600 ? null : `< ${maxGrowthMb}`,
        met: seconds < 600 ? null : grownMb < maxGrowthMb,
      },
      {
        figure: 'soak: open files more than at start',
        value: grown,
        unit: '',
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

/** By what is left after a collection: the least of each minute, once it is warm. */
function growth(points: readonly [minutes: number, heapMb: number][]): number {
  const least = new Map<number, number>()
  for (const [minutes, heapMb] of points) {
    if (minutes < warmMinutes) continue
    const minute = Math.floor(minutes)
    least.set(minute, Math.min(heapMb, least.get(minute) ?? heapMb))
  }
  return slope([...least]) * 10
}

/** Least squares. */
function slope(points: readonly [number, number][]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
  const [x, y] = [mean(points.map(([at]) => at)), mean(points.map(([, value]) => value))]
  const spread = points.reduce((sum, [at]) => sum + (at - x) ** 2, 0)
  return spread === 0 ? 0 : points.reduce((sum, [at, value]) => sum + (at - x) * (value - y), 0) / spread
}
