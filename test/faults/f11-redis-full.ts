import { configureRedis } from '../support/redis.ts'
import { type Fault, promises } from './harness/fault.ts'
import { outage } from './harness/outage.ts'
import { judge } from './harness/verdict.ts'

export const f11: Fault = {
  id: 'F11',
  injected: 'Redis has reached maxmemory under noeviction for 10 s: every write is refused',
  expected: 'events answered 200, <= 20 log lines a second, drains after memory is given',
  naive: true,
  async run(bed) {
    const { notes, broken, expect } = promises()
    const { load, recoveryMs, during } = await outage(bed, {
      lastMs: 10_000,
      begin: () => configureRedis(bed.redisUrl, 'maxmemory', '1mb'),
      end: () => configureRedis(bed.redisUrl, 'maxmemory', '0'),
    })
    const verdict = await judge(bed, [load])
    const refused = during.filter((call) => call.status !== 200).length
    expect(refused === 0, `${during.length - refused} of ${during.length} events answered 200 meanwhile`)
    return { verdict, recoveryMs, notes, broken }
  },
}
