import { type Fault, promises } from './harness/fault.ts'
import { killStorm } from './harness/kill-storm.ts'
import { killsOf } from './harness/kills-of.ts'
import { ring } from './harness/load.ts'
import { judge } from './harness/verdict.ts'

/** True durations, and one load that never pauses: what is accepted between two kills must be there after them. */
export const f01: Fault = {
  id: 'F01',
  injected: 'kill -9 of `serve` every 1 to 3 s under one continuous load, 200 times',
  expected: '0 accepted calls lost, 0 duplicates, ready again in < 3 s; what it could not hear is found by reconcile',
  naive: true,
  bed: () => ({ scale: 1, timings: { reconcileMs: 20_000 } }),
  async run(bed) {
    const { notes, broken, note, expect } = promises()
    const kills = killsOf(bed)
    const load = await ring(bed, { count: kills * 12, perSecond: 5 })
    const storm = await killStorm({ victims: [bed.serve], kills, seed: 1, back: () => bed.live() })
    load.stop()
    await load.done
    const verdict = await judge(bed, [load], { refusedToo: bed.subject === 'callsift', withinMs: 150_000 })
    const sorted = storm.map((one) => one.backMs).sort((a, b) => a - b)
    const seconds = (ms: number | undefined) => ((ms ?? 0) / 1000).toFixed(1)
    const slowest = sorted.at(-1) ?? 0
    note(`ready ${seconds(sorted[Math.floor(sorted.length / 2)])} s after the kill in the middle`)
    const late = storm.flatMap((one, n) => (one.backMs < 3_000 ? [] : [`kill ${n + 1} ${seconds(one.backMs)} s`]))
    if (late.length > 0) note(`late: ${late.join(', ')}`)
    expect(slowest < 3_000, `ready ${seconds(slowest)} s after the kill at the latest`)
    note(`${storm.length} kills, ${load.accepted().length} of ${load.posted().length} events answered 200`)
    return { verdict, recoveryMs: slowest, notes, broken }
  },
}
