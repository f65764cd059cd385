import { type Fault, promises } from './harness/fault.ts'
import { ring } from './harness/load.ts'
import { untilNextEntry } from './harness/recovery.ts'
import { scaled } from './harness/scale.ts'
import { pause } from './harness/until.ts'
import { judge } from './harness/verdict.ts'

/** BullMQ 4585: workers that were idle through an outage longer than their read blocks never took a job again. */
export const f07: Fault = {
  id: 'F07',
  injected: 'Redis down for 60 s (scaled, 20 s at least) while the workers have nothing to do; then calls come',
  expected: 'no event refused, idle workers take work again <= 25 s after Redis is back',
  naive: true,
  async run(bed) {
    const { notes, broken, expect } = promises()
    const before = await ring(bed, { count: 10, perSecond: 10 })
    await before.done
    const quiet = await judge(bed, [before])
    await bed.redis.kill?.()
    await pause(scaled(60, 20_000))
    const during = await ring(bed, { count: 20, perSecond: 20 })
    if (bed.record !== null) await during.done
    await bed.redis.restart?.()
    const healedAt = Date.now()
    const recoveryMs = await untilNextEntry(bed, healedAt)
    await during.done
    const after = await ring(bed, { count: 20, perSecond: 20 })
    await after.done
    const verdict = await judge(bed, [before, during, after])
    const refused = during.calls.filter((call) => call.status !== 200).length
    expect(
      quiet.lost === 0 && refused === 0,
      `${refused} of ${during.calls.length} events refused while Redis was away`,
    )
    expect(
      recoveryMs !== null && recoveryMs <= 25_000,
      `idle workers went on ${recoveryMs === null ? 'never' : `after ${recoveryMs} ms`}`,
    )
    return { verdict, recoveryMs, notes, broken }
  },
}
