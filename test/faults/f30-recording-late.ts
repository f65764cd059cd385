import { type Fault, promises } from './harness/fault.ts'
import { post, ring } from './harness/load.ts'
import { readEffects } from './harness/truth.ts'
import { until } from './harness/until.ts'
import { judge } from './harness/verdict.ts'

/** The ladder at a hundredth: 5 min are 3 s, an hour is 36 s; the budget of 24 h is 45 s. */
const ladder = [15, 45, 120, 300, 900, 3_600].map((seconds) => seconds * 10)

export const f30: Fault = {
  id: 'F30',
  injected: 'recordings that come at once, after 5 min, after an hour, never (waits at a hundredth)',
  expected:
    'picked up within one look after it is there; never = `no_recording` after the budget, reopened by a later event',
  naive: true,
  sideBySide: true,
  bed: () => ({ portals: 4, timings: { recordingLadderMs: ladder, recordingBudgetMs: 45_000 } }),
  async run(bed) {
    const { notes, broken, expect } = promises()
    const loads = []
    const names = bed.portals.map((portal) => portal.name)
    const rungAt = Date.now()
    for (const [index, recordingAfterMs] of [0, 3_000, 36_000, null].entries()) {
      const load = await ring(bed, {
        count: 5,
        perSecond: 20,
        portals: [names[index] ?? ''],
        spec: { recordingAfterMs },
      })
      await load.done
      loads.push(load)
    }
    const verdict = await judge(bed, loads, { endings: ['no_recording'], withinMs: 120_000 })
    if (bed.record === null) return { verdict, recoveryMs: null, notes, broken }
    const entries = await readEffects(bed, 'timeline-log')
    const latest = (portal: string) =>
      Math.max(0, ...entries.filter((one) => one.portal === portal).map((one) => one.at - rungAt))
    const [atOnce = 0, minutes = 0, hour = 0] = names.map(latest)
    expect(
      atOnce <= 5_000 && minutes <= 3_000 + 9_000 + 3_000,
      `entries after ${(atOnce / 1000).toFixed(1)} s and ${(minutes / 1000).toFixed(1)} s`,
    )
    expect(hour > 36_000 && hour <= 36_000 + 36_000 + 3_000, `that of the hour after ${(hour / 1000).toFixed(1)} s`)
    const [never] = loads[3]?.calls ?? []
    if (never === undefined) throw new Error('no call was rung')
    await bed.control('POST', '/recordings', { portal: never.portal, callId: never.callId, toneText: 'хочу купить' })
    await post(bed, never)
    const reopened = await until(
      async () => (await readEffects(bed, 'timeline-log')).some((one) => one.portal === never.portal),
      'the reopened call',
      30_000,
    ).catch(() => false)
    expect(reopened, 'a later event reopened what had ended as no_recording')
    return { verdict, recoveryMs: null, notes, broken }
  },
}
