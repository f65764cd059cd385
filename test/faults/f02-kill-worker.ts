import { type Fault, promises } from './harness/fault.ts'
import { killStorm } from './harness/kill-storm.ts'
import { killsOf } from './harness/kills-of.ts'
import { ring } from './harness/load.ts'
import { readLostAttempts } from './harness/lost-attempts.ts'
import { judge } from './harness/verdict.ts'

/** True durations: the promise is about them. Requests take 100 ms, so that most kills meet one under way. */
export const f02: Fault = {
  id: 'F02',
  injected: 'kill -9 of a worker every 1 to 3 s under one continuous load, 200 times, wherever it is in a step',
  expected:
    '0 lost, 0 duplicates, nothing paid twice after it was stored; recovery <= 15 s (<= 80 s where a write was in doubt)',
  naive: true,
  bed: () => ({ scale: 1, sandbox: { latencyMs: 100 }, env: { CALLSIFT_CONCURRENCY: '8' } }),
  async run(bed) {
    const { notes, broken, note, expect } = promises()
    const kills = killsOf(bed)
    const load = await ring(bed, { count: kills * 12, perSecond: 5 })
    // A worker is back when its process is: there is always the other one.
    const storm = await killStorm({ victims: bed.workers, kills, seed: 2, back: async (victim) => victim.alive() })
    load.stop()
    await load.done
    const verdict = await judge(bed, [load], { withinMs: 200_000 })
    note(`${storm.length} kills, ${load.accepted().length} calls`)
    if (bed.record === null) return { verdict, recoveryMs: null, notes, broken }
    const lost = await readLostAttempts(bed.record, new Map(storm.map((kill) => [kill.pid, kill.at])))
    const slowest = Math.max(0, ...lost.map((one) => one.recoveryMs))
    const doubtful = lost.filter((one) => one.inDoubt)
    const slowestDoubt = Math.max(0, ...doubtful.map((one) => one.endedMs))
    expect(lost.length >= kills / 4, `${lost.length} steps were under way when their worker was killed`)
    expect(slowest <= 15_000, `each of them was taken again within ${(slowest / 1000).toFixed(1)} s`)
    expect(
      slowestDoubt <= 80_000,
      `${doubtful.length} writes were in doubt, settled within ${(slowestDoubt / 1000).toFixed(1)} s`,
    )
    return { verdict, recoveryMs: slowest, notes, broken }
  },
}
