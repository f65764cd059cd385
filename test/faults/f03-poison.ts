import { type Fault, promises } from './harness/fault.ts'
import { holderOf } from './harness/holder-of.ts'
import { ring } from './harness/load.ts'
import { judge } from './harness/verdict.ts'

/** One step that takes its worker with it: four times it may, the fifth time somebody has to look at it. */
export const f03: Fault = {
  id: 'F03',
  injected: 'the worker of one step is killed 4 times; that of another 5 times',
  expected: 'the first is done, the second is parked as `poison`, all others are unaffected',
  naive: 'the harness finds the worker to kill in the record, which the naive pipeline has not',
  async run(bed) {
    const { notes, broken, note, expect } = promises()
    const [four = '', five = '', ...others] = bed.portals.map((portal) => portal.name)
    const hang = (portal: string) =>
      bed.control<{ id: number }>('POST', '/faults', { route: 'transcription', portal, kind: 'hang' })
    const [first, second] = [await hang(four), await hang(five)]
    const load = await ring(bed, { count: 60, perSecond: 3, portals: others })
    const kill = async (portal: string, times: number) => {
      for (let n = 0; n < times; n += 1) {
        const worker = await holderOf(bed, 'transcribePart', portal)
        await worker.kill()
        worker.start()
      }
    }
    const patient = await ring(bed, { count: 1, perSecond: 1, portals: [four] })
    await patient.done
    await kill(four, 4)
    await bed.control('DELETE', `/faults/${first.id}`)
    const poison = await ring(bed, { count: 1, perSecond: 1, portals: [five] })
    await poison.done
    await kill(five, 5)
    await load.done
    const verdict = await judge(bed, [load, patient, poison], { endings: ['poison'] })
    await bed.control('DELETE', `/faults/${second.id}`)
    const parked = await bed.record?.db
      .selectFrom('callsift.steps')
      .select(['portal_id', 'crashes', 'alone_crashes'])
      .where('class', '=', 'poison')
      .execute()
    expect(parked?.length === 1 && parked[0]?.portal_id === five, `parked as poison: ${JSON.stringify(parked)}`)
    note('the step that lost four workers was done by the fifth')
    return { verdict, recoveryMs: null, notes, broken }
  },
}
