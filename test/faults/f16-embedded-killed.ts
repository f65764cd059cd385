import { openDatabase } from '../../src/db/connect.ts'
import { createLog } from '../../src/log.ts'
import { type Fault, promises } from './harness/fault.ts'
import { killStorm } from './harness/kill-storm.ts'
import { ring } from './harness/load.ts'
import { judge } from './harness/verdict.ts'

export const f16: Fault = {
  id: 'F16',
  injected: 'the embedded program (PGlite, one process) is killed 20 times in the middle of its commits',
  expected: '0 accepted calls lost, 0 duplicates, the folder opens each time',
  naive: 'it has no embedded record',
  bed: () => ({ embedded: true, timings: { reconcileMs: 5_000 } }),
  async run(bed) {
    const { notes, broken, note, expect } = promises()
    const load = await ring(bed, { count: 320, perSecond: 5 })
    const storm = await killStorm({ victims: [bed.serve], kills: 20, seed: 16, back: () => bed.live() })
    load.stop()
    await load.done
    const verdict = await judge(bed, [load], { refusedToo: true, withinMs: 200_000 })
    const slowest = Math.max(...storm.map((one) => one.backMs))
    await bed.serve.kill()
    const record = await openDatabase({ dataDir: bed.dataDir }, createLog('silent'))
    const rows = await record.db.selectFrom('callsift.calls').select('call_ref').execute()
    await record.close()
    const standing = new Set(rows.map((row) => row.call_ref))
    const missing = load.accepted().filter((call) => !standing.has(call.callId)).length
    expect(missing === 0, `${missing} of ${load.accepted().length} accepted calls have no row`)
    note(`${storm.length} kills, ready ${(slowest / 1000).toFixed(1)} s after a kill at the latest`)
    return { verdict, recoveryMs: slowest, notes, broken }
  },
}
