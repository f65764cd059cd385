import { type Fault, promises } from './harness/fault.ts'
import { outage, slowestMs } from './harness/outage.ts'
import { scaled } from './harness/scale.ts'
import { judge } from './harness/verdict.ts'

export const f08: Fault = {
  id: 'F08',
  injected: 'Redis takes bytes and answers nothing for 45 s (scaled, 15 s at least)',
  expected: 'events are answered within 300 ms (p99) all the while; work goes on <= 20 s after the heal',
  naive: true,
  bed: () => ({ through: ['redis'] }),
  async run(bed) {
    const { notes, broken, expect } = promises()
    const { load, recoveryMs, during } = await outage(bed, {
      lastMs: scaled(45, 15_000),
      begin: () => bed.lines.redis?.set({ blackHole: true }),
      end: () => bed.lines.redis?.heal(),
    })
    const verdict = await judge(bed, [load])
    const refused = during.filter((call) => call.status !== 200).length
    const p99 = slowestMs(during)
    expect(
      during.length > 0 && refused === 0 && p99 <= 300,
      `${during.length - refused} of ${during.length} events answered 200 in the hole, p99 ${Math.round(p99)} ms`,
    )
    expect(
      recoveryMs !== null && recoveryMs <= 20_000,
      `the next entry ${recoveryMs === null ? 'never came' : `after ${recoveryMs} ms`}`,
    )
    return { verdict, recoveryMs, notes, broken }
  },
}
