import { type Fault, promises } from './harness/fault.ts'
import { outage, slowestMs } from './harness/outage.ts'
import { judge } from './harness/verdict.ts'

export const f06: Fault = {
  id: 'F06',
  injected: 'kill -9 of Redis (append-only file, everysec), down for 5 s',
  expected: '0 lost, every event answered 200 meanwhile, work goes on <= 10 s after it is back',
  naive: true,
  async run(bed) {
    const { notes, broken, expect } = promises()
    const { load, recoveryMs, during } = await outage(bed, {
      lastMs: 5_000,
      begin: () => bed.redis.kill?.(),
      end: () => bed.redis.restart?.(),
    })
    const verdict = await judge(bed, [load])
    const refused = during.filter((call) => call.status !== 200).length
    expect(
      refused === 0,
      `${during.length - refused} of ${during.length} events answered 200 without Redis, the slowest in ${Math.round(slowestMs(during, 1))} ms`,
    )
    expect(
      recoveryMs !== null && recoveryMs <= 10_000,
      `the next entry ${recoveryMs === null ? 'never came' : `after ${recoveryMs} ms`}`,
    )
    return { verdict, recoveryMs, notes, broken }
  },
}
