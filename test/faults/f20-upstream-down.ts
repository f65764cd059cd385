import { type Fault, promises } from './harness/fault.ts'
import { outage } from './harness/outage.ts'
import { scaled } from './harness/scale.ts'
import { judge } from './harness/verdict.ts'

export const f20: Fault = {
  id: 'F20',
  injected: 'the upstream refuses connections for 5 min (scaled)',
  expected: 'nothing is parked, all is done after the heal without anybody',
  naive: true,
  sideBySide: true,
  bed: () => ({ through: ['upstream'] }),
  async run(bed) {
    const { notes, broken, note } = promises()
    const before = bed.lines.upstream?.connections() ?? 0
    const { load, recoveryMs } = await outage(bed, {
      perSecond: 3,
      lastMs: scaled(300),
      begin: () => bed.lines.upstream?.set({ down: true }),
      end: () => bed.lines.upstream?.heal(),
    })
    const tried = (bed.lines.upstream?.connections() ?? 0) - before
    const verdict = await judge(bed, [load], { withinMs: 200_000 })
    note(`${tried} connections were tried for ${load.calls.length} calls`)
    return { verdict, recoveryMs, notes, broken }
  },
}
