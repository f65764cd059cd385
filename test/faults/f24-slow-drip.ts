import { type Fault, promises } from './harness/fault.ts'
import { ring } from './harness/load.ts'
import { scaled } from './harness/scale.ts'
import { readRequests } from './harness/truth.ts'
import { judge } from './harness/verdict.ts'

export const f24: Fault = {
  id: 'F24',
  injected: 'six answers come at a byte a second; two transcriptions take 150 s (scaled), far longer than a lease',
  expected: 'total deadlines end the drips and free their slots; the long legal wait keeps its lease and is paid once',
  naive: true,
  sideBySide: true,
  bed: () => ({ portals: 4, timings: { chatDeadlineMs: scaled(40), requestDeadlineMs: scaled(40) } }),
  async run(bed) {
    const { notes, broken, expect } = promises()
    await bed.control('POST', '/faults', { route: 'chat', kind: 'drip', times: 3 })
    await bed.control('POST', '/faults', { route: 'calls.statistics', kind: 'drip', times: 1 })
    await bed.control('POST', '/faults', { route: 'activities.get', kind: 'drip', times: 2 })
    await bed.control('POST', '/faults', { route: 'transcription', kind: 'slow', delayMs: scaled(150), times: 2 })
    const load = await ring(bed, { count: 60, perSecond: 10 })
    await load.done
    const verdict = await judge(bed, [load])
    const requests = await readRequests(bed)
    const drips = requests.filter((one) => one.fault === 'drip')
    const slow = requests.filter((one) => one.fault === 'slow')
    const longest = Math.max(0, ...drips.map((one) => one.ms))
    expect(
      drips.length >= 5 && longest <= scaled(40) * 1.5,
      `${drips.length} drips, given up after ${(longest / 1000).toFixed(1)} s at the latest`,
    )
    expect(
      slow.length === 2 && slow.every((one) => one.status === 200),
      `${slow.length} long transcriptions, heard to their end`,
    )
    return { verdict, recoveryMs: null, notes, broken }
  },
}
