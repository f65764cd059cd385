// npm run soak [-- calls]: 5,000 calls while Redis, Postgres and a worker are killed every 5 to 10 s and the upstream answers a fifth badly.
import { openBed, random } from './harness/bed.ts'
import { ring } from './harness/load.ts'
import { keepSitting } from './harness/results.ts'
import { pause } from './harness/until.ts'
import { judge } from './harness/verdict.ts'

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

const calls = Number(process.argv[2] ?? '5000')
const perSecond = Number(process.env['SOAK_PER_SECOND'] ?? '16')
const say = (text: string) => void process.stdout.write(`${text}\n`)

/** Least squares, per minute. */
function slope(points: readonly (readonly [minutes: number, value: number])[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
  const [x, y] = [mean(points.map(([at]) => at)), mean(points.map(([, value]) => value))]
  const spread = points.reduce((sum, [at]) => sum + (at - x) ** 2, 0)
  return spread === 0 ? 0 : points.reduce((sum, [at, value]) => sum + (at - x) * (value - y), 0) / spread
}

const bed = await openBed('callsift', {
  workers: 3,
  timings: { reconcileMs: 10_000 },
  env: { CALLSIFT_CONCURRENCY: '16', CALLSIFT_AI_CONCURRENCY: '12' },
})
try {
  const bad = [
    { route: '.*', kind: 'before', status: 502, probability: 0.08 },
    { route: '.*', kind: 'status', status: 429, retryAfter: 1, probability: 0.01 },
    { route: 'timeline-logs.create', kind: 'after', how: 'reset', probability: 0.1 },
    { route: '.*', kind: 'reset', probability: 0.05 },
    { route: '.*', kind: 'slow', delayMs: 1_500, probability: 0.05 },
  ]
  for (const [index, fault] of bad.entries()) await bed.control('POST', '/faults', { ...fault, seed: index + 1 })

  // The first worker and serve live through it all: of those that are killed no slope can be told.
  const [survivor, ...victims] = bed.workers
  if (survivor === undefined) throw new Error('there is no worker')
  const watched = [bed.serve, survivor]
  const seen = new Map(watched.map((one) => [one.name, { heap: [] as [number, number][], files: [] as number[] }]))
  const startedAt = performance.now()
  const watch = async () => {
    for (const one of watched) {
      const usage = await one.kept()
      if (usage === null) continue
      seen.get(one.name)?.heap.push([(performance.now() - startedAt) / 60_000, usage.heapMb])
      seen.get(one.name)?.files.push(usage.files)
    }
  }
  const watching = setInterval(() => void watch(), 10_000)

  let storming = true
  const restarts = { redis: 0, postgres: 0, worker: 0 }
  const each = async (name: keyof typeof restarts, strike: () => Promise<void>) => {
    for (;;) {
      await pause(5_000 + random() * 5_000)
      if (!storming) return
      await strike()
      restarts[name] += 1
    }
  }
  const storm = Promise.all([
    each('redis', async () => {
      await bed.redis.kill?.()
      await pause(random() * 2_000)
      await bed.redis.restart?.()
    }),
    each('postgres', async () => {
      await bed.postgres.kill?.()
      await pause(random() * 2_000)
      await bed.postgres.restart?.()
    }),
    each('worker', async () => {
      const victim = victims[Math.floor(random() * victims.length)]
      await victim?.kill()
      victim?.start()
    }),
  ])
  const load = await ring(bed, { count: calls, perSecond })
  await load.done
  storming = false
  await storm
  say(`rung in ${((performance.now() - startedAt) / 1000).toFixed(0)} s: ${JSON.stringify(restarts)} restarts`)
  // Of 5,000 calls one may fail five times by chance: its last wait alone is five minutes with its jitter.
  const verdict = await judge(bed, [load], { refusedToo: true, withinMs: 600_000 })
  clearInterval(watching)
  const done = verdict.expected - verdict.lost
  const lines = [
    `${done} of ${calls} calls have their entry, ${verdict.duplicated} duplicates, ${load.accepted().length} events answered 200`,
    `restarts: ${restarts.redis} of Redis, ${restarts.postgres} of Postgres, ${restarts.worker} of workers, in ${((performance.now() - startedAt) / 1000).toFixed(0)} s`,
    ...[...seen].map(([name, { heap, files }]) => {
      // The first third is warming up.
      const settled = heap.slice(Math.floor(heap.length / 3))
      return `${name}: heap ${slope(settled).toFixed(1)} MB a minute, open files ${files[0]} at first, ${files.at(-1)} at last, ${Math.max(...files)} at most`
    }),
    ...Object.entries(verdict.invariants).flatMap(([name, broken]) =>
      broken === null ? [] : [`${name} broken: ${broken}`],
    ),
  ]
  for (const line of lines) say(line)
  keepSitting('soak', lines)
  process.exitCode = done === calls && verdict.duplicated === 0 ? 0 : 1
} finally {
  await bed.close()
}
process.exit()
