import { type Fault, promises } from './harness/fault.ts'
import { ring } from './harness/load.ts'
import { until } from './harness/until.ts'
import { judge } from './harness/verdict.ts'

export const f13: Fault = {
  id: 'F13',
  injected: 'Redis without its append-only file',
  expected: 'start refused with exit 78; with CALLSIFT_DEV=1 a warning, and it works',
  naive: 'BullMQ starts and says nothing',
  bed: () => ({ idle: true, redis: { settings: ['--appendonly', 'no'] } }),
  async run(bed) {
    const { notes, broken, expect } = promises()
    const refused = bed.launch({ name: 'serve refused', args: ['serve', '--http-only'] })
    const code = await refused.ended()
    expect(code === 78 && refused.said().includes('appendonly'), `serve ended with ${code}`)
    const env = { CALLSIFT_DEV: '1' }
    const allowed = bed.launch({ name: 'serve', args: ['serve'], env })
    await until(bed.live, () => allowed.said(), 30_000)
    expect(allowed.said().includes('appendonly'), 'with CALLSIFT_DEV=1 it warns and starts')
    const load = await ring(bed, { count: 20, perSecond: 10 })
    await load.done
    const verdict = await judge(bed, [load], { apart: { I6: 'one of the processes was refused, as it should be' } })
    return { verdict, recoveryMs: null, notes, broken }
  },
}
