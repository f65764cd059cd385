import { type Fault, promises } from './harness/fault.ts'
import { ring } from './harness/load.ts'
import { pause, until } from './harness/until.ts'
import { judge } from './harness/verdict.ts'

export const f27: Fault = {
  id: 'F27',
  injected: 'SIGTERM to all processes with 20 steps under way and 30 events a second; started again',
  expected: 'exit 0 <= 30 s, 0 lost, 0 duplicates, nothing taken after the close',
  naive: true,
  bed: () => ({ env: { CALLSIFT_DRAIN_SECONDS: '8', CALLSIFT_CONCURRENCY: '16', CALLSIFT_AI_CONCURRENCY: '16' } }),
  async run(bed) {
    const { notes, broken, expect } = promises()
    await bed.control('POST', '/faults', { route: 'transcription', kind: 'slow', delayMs: 1_500 })
    const load = await ring(bed, { count: 240, perSecond: 30 })
    await pause(4_000)
    const running =
      bed.record === null
        ? null
        : (await bed.record.db.selectFrom('callsift.steps').select('id').where('state', '=', 'running').execute())
            .length
    const stoppedAt = performance.now()
    for (const one of bed.programs) one.signal('SIGTERM')
    const codes = await Promise.all(bed.programs.map((one) => one.ended()))
    const tookMs = performance.now() - stoppedAt
    await pause(500)
    for (const one of bed.programs) one.start()
    await until(bed.live, 'serve to come back', 30_000)
    await load.done
    await bed.control('DELETE', '/faults')
    const verdict = await judge(bed, [load])
    expect(
      codes.every((code) => code === 0),
      `exit codes ${codes.join(', ')} with ${running} steps under way`,
    )
    expect(tookMs <= 30_000, `all had ended after ${(tookMs / 1000).toFixed(1)} s`)
    return { verdict, recoveryMs: null, notes, broken }
  },
}
