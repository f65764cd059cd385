import { type Fault, promises } from './harness/fault.ts'
import { scaled } from './harness/scale.ts'
import { judge } from './harness/verdict.ts'
import { zombies } from './harness/zombies.ts'

/** The worst of a crash: what was taken over wakes up and goes on where it was. */
export const f04: Fault = {
  id: 'F04',
  injected: 'SIGSTOP of a worker in the middle of its writes for 70 s (scaled), then SIGCONT, 3 times',
  expected: '1 entry a call: what woke up finds its lease gone and sends nothing',
  naive: true,
  sideBySide: true,
  async run(bed) {
    const { notes, broken, note } = promises()
    const load = await zombies(bed, {
      times: 3,
      forMs: scaled(70),
      stop: (worker) => {
        worker.signal('SIGSTOP')
        return () => worker.signal('SIGCONT')
      },
    })
    const verdict = await judge(bed, [load])
    const fenced = await bed.record?.db
      .selectFrom('callsift.attempts')
      .select('id')
      .where('outcome', 'in', ['lost', 'fenced'])
      .execute()
    if (fenced !== undefined) note(`${fenced.length} attempts were taken over from the frozen`)
    return { verdict, recoveryMs: null, notes, broken }
  },
}
