import { type Fault, promises } from './harness/fault.ts'
import { ring } from './harness/load.ts'
import { readEffects } from './harness/truth.ts'
import { judge } from './harness/verdict.ts'

export const f09: Fault = {
  id: 'F09',
  injected: 'each piece to and from Redis takes 200 ms more, and each second 5 % of its connections are reset',
  expected: '0 lost, 0 duplicates, >= 20 calls a second all the same',
  naive: true,
  bed: () => ({ through: ['redis'], env: { CALLSIFT_CONCURRENCY: '20', CALLSIFT_AI_CONCURRENCY: '20' } }),
  async run(bed) {
    const { notes, broken, expect } = promises()
    bed.lines.redis?.set({ latencyMs: 200, resetRate: 0.05 })
    const load = await ring(bed, { count: 300, perSecond: 40 })
    await load.done
    const verdict = await judge(bed, [load])
    bed.lines.redis?.heal()
    const times = (await readEffects(bed, 'timeline-log')).map((entry) => entry.at)
    const [first = 0, last = 0] = [times[Math.floor(times.length * 0.1)], times[Math.floor(times.length * 0.9)]]
    const perSecond = (times.length * 0.8) / Math.max(0.001, (last - first) / 1000)
    expect(perSecond >= 20, `${perSecond.toFixed(0)} calls a second`)
    return { verdict, recoveryMs: null, notes, broken }
  },
}
