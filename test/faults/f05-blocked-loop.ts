import { type Fault, promises } from './harness/fault.ts'
import { scaled } from './harness/scale.ts'
import { judge } from './harness/verdict.ts'
import { zombies } from './harness/zombies.ts'

/** As F04, but the process lives: its sockets take bytes, its other threads run, only its loop stands still. */
export const f05: Fault = {
  id: 'F05',
  injected: 'the event loop of a worker is blocked for 30 s (scaled) in the middle of its writes, 3 times',
  expected: '1 entry a call; the other worker takes over',
  naive: true,
  async run(bed) {
    const { notes, broken, note } = promises()
    const load = await zombies(bed, {
      times: 3,
      forMs: scaled(30),
      stop: (worker) => {
        worker.block(scaled(30))
        return () => undefined
      },
    })
    const verdict = await judge(bed, [load], { apart: { I6: 'the loop was blocked on purpose' } })
    note('I6 was not looked at: the loop stood still on purpose')
    return { verdict, recoveryMs: null, notes, broken }
  },
}
