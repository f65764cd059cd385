import { type Fault, promises } from './harness/fault.ts'
import { outage, slowestMs } from './harness/outage.ts'
import { scaled } from './harness/scale.ts'
import { judge } from './harness/verdict.ts'

export const f35: Fault = {
  id: 'F35',
  injected: '60 s without Postgres (scaled)',
  expected: '503 within 2 s; after the heal reconcile brings in every refused call',
  naive: 'it keeps no record',
  bed: () => ({ timings: { reconcileMs: 5_000 } }),
  async run(bed) {
    const { notes, broken, expect } = promises()
    const { load, recoveryMs, during } = await outage(bed, {
      lastMs: scaled(60),
      afterMs: 8_000,
      begin: () => bed.postgres.kill?.(),
      end: () => bed.postgres.restart?.(),
    })
    const verdict = await judge(bed, [load], { refusedToo: true })
    const rightly = during.filter((call) => call.status === 503 && call.retryAfter !== null).length
    const slowest = slowestMs(during, 1)
    expect(
      during.length > 0 && rightly === during.length,
      `${rightly} of ${during.length} events answered 503 with Retry-After`,
    )
    expect(slowest <= 2_500, `the slowest answer after ${Math.round(slowest)} ms`)
    expect(
      verdict.lost === 0,
      `${verdict.expected - verdict.lost} of ${verdict.expected} calls have their entry, refused ones too`,
    )
    return { verdict, recoveryMs, notes, broken }
  },
}
