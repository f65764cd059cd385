import { type Fault, promises } from './harness/fault.ts'
import { post, ring } from './harness/load.ts'
import { pause, until } from './harness/until.ts'
import { judge } from './harness/verdict.ts'

export const f31: Fault = {
  id: 'F31',
  injected: 'serve is away while 40 calls end; their events come again after reconcile has run',
  expected: 'reconcile finds 40 of 40, an alert says so, 0 duplicates with the late events',
  naive: 'it has no reconcile: every event that it did not hear is a call lost',
  bed: () => ({ timings: { reconcileMs: 3_000, alertEveryMs: 500 } }),
  async run(bed) {
    const { notes, broken, expect } = promises()
    await bed.serve.kill()
    const load = await ring(bed, { count: 40, perSecond: 20 })
    await load.done
    const unheard = load.calls.filter((call) => call.status === 0).length
    await pause(1_000)
    bed.serve.start()
    await until(bed.live, 'serve', 30_000)
    const found = await judge(bed, [load], { refusedToo: true })
    for (const call of load.calls) await post(bed, call)
    await pause(3_000)
    const verdict = await judge(bed, [load], { refusedToo: true })
    const alerts = await bed.record?.db.selectFrom('callsift.alerts').select(['kind', 'sentence']).execute()
    expect(unheard === 40 && found.lost === 0, `${unheard} events unheard, ${40 - found.lost} calls found`)
    expect(
      alerts?.some((alert) => alert.kind === 'reconcile_found') === true,
      `alerts: ${alerts?.map((alert) => alert.kind).join(', ')}`,
    )
    return { verdict, recoveryMs: null, notes, broken }
  },
}
