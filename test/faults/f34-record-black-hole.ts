import { type Fault, promises } from './harness/fault.ts'
import { outage, slowestMs } from './harness/outage.ts'
import { scaled } from './harness/scale.ts'
import { judge } from './harness/verdict.ts'

export const f34: Fault = {
  id: 'F34',
  injected: 'Postgres takes bytes and answers nothing for 45 s (scaled)',
  expected: '503 with Retry-After within 2 s, never a false 200; 0 duplicates; what was refused is found by reconcile',
  naive: 'it keeps no record',
  bed: () => ({ through: ['postgres'], timings: { reconcileMs: 5_000 } }),
  async run(bed) {
    const { notes, broken, expect } = promises()
    const { load, recoveryMs, during } = await outage(bed, {
      lastMs: scaled(45),
      afterMs: 10_000,
      begin: () => bed.lines.postgres?.set({ blackHole: true }),
      end: () => bed.lines.postgres?.heal(),
    })
    const verdict = await judge(bed, [load], { refusedToo: true })
    const rightly = during.filter((call) => call.status === 503 && call.retryAfter !== null).length
    const slowest = slowestMs(during, 1)
    expect(
      during.length > 0 && rightly === during.length,
      `${rightly} of ${during.length} events answered 503 with Retry-After`,
    )
    expect(slowest <= 2_500, `the slowest answer after ${Math.round(slowest)} ms`)
    return { verdict, recoveryMs, notes, broken }
  },
}
