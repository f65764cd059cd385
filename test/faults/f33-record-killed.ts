import { type Fault, promises } from './harness/fault.ts'
import { outage } from './harness/outage.ts'
import { pause } from './harness/until.ts'
import { judge } from './harness/verdict.ts'

export const f33: Fault = {
  id: 'F33',
  injected: 'kill -9 of Postgres 4 times in one run, started again after 1 s',
  expected: '0 accepted calls lost, 0 duplicates; what was refused is found by reconcile',
  naive: 'it keeps no record',
  bed: () => ({ timings: { reconcileMs: 5_000 } }),
  async run(bed) {
    const { notes, broken, note } = promises()
    const killed = async () => {
      await bed.postgres.kill?.()
      await pause(1_000)
      await bed.postgres.restart?.()
    }
    const { load, recoveryMs } = await outage(bed, {
      lastMs: 2_000,
      afterMs: 12_000,
      begin: killed,
      end: async () => {
        for (let n = 0; n < 3; n += 1) {
          await killed()
          await pause(3_000)
        }
      },
    })
    const verdict = await judge(bed, [load], { refusedToo: true })
    note(`${load.accepted().length} of ${load.calls.length} events answered 200`)
    return { verdict, recoveryMs, notes, broken }
  },
}
