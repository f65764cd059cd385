import type { Bed } from './bed.ts'
import { ring } from './load.ts'
import { pause } from './until.ts'

/** Takes a worker out of time while it writes, for longer than its lease and the doubt of its write last, so often; then lets it wake. */
export async function zombies(
  bed: Bed,
  options: { times: number; forMs: number; stop(worker: Bed['workers'][number]): () => void },
) {
  // Writes are slow, so that most moments fall into one.
  await bed.control('POST', '/faults', { route: 'timeline-logs.create', kind: 'slow', delayMs: 400 })
  const seconds = (options.times * (options.forMs + 4_000)) / 1_000 + 5
  const load = await ring(bed, { count: Math.ceil(seconds * 5), perSecond: 5 })
  await pause(3_000)
  for (let n = 0; n < options.times; n += 1) {
    const worker = bed.workers[n % bed.workers.length]
    if (worker === undefined) throw new Error('there is no worker')
    const wake = options.stop(worker)
    await pause(options.forMs)
    wake()
    await pause(4_000)
  }
  await load.done
  return load
}
