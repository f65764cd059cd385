import { type Fault, promises } from './harness/fault.ts'
import { ring } from './harness/load.ts'
import { scaled } from './harness/scale.ts'
import { readRequests } from './harness/truth.ts'
import { judge } from './harness/verdict.ts'

export const f19: Fault = {
  id: 'F19',
  injected: 'half of the writes are answered with 504 and applied 40 s later (scaled)',
  expected: 'the read-back waits until 65 s (scaled) after the send: 1 entry a call',
  naive: true,
  async run(bed) {
    const { notes, broken, expect } = promises()
    const fault = {
      route: 'timeline-logs.create',
      kind: 'appliedLate',
      delayMs: scaled(40),
      probability: 0.5,
      seed: 19,
    }
    await bed.control('POST', '/faults', fault)
    const load = await ring(bed, { count: 60, perSecond: 10 })
    await load.done
    const verdict = await judge(bed, [load])
    const late = (await readRequests(bed)).filter((one) => one.fault === 'appliedLate').length
    expect(late > 15, `${late} writes were applied late`)
    return { verdict, recoveryMs: null, notes, broken }
  },
}
