import { type Fault, promises } from './harness/fault.ts'
import { ring } from './harness/load.ts'
import { readEffects, readRequests } from './harness/truth.ts'
import { pause, until } from './harness/until.ts'
import { judge } from './harness/verdict.ts'

const aiPlaces = 2 * 4

export const f22: Fault = {
  id: 'F22',
  injected: 'the balance of one key is empty after 50 of 150 calls, and filled again',
  expected: 'of each paid kind no more further requests than were under way; the rest waits, and goes on by itself',
  naive: true,
  sideBySide: true,
  async run(bed) {
    const { notes, broken, expect } = promises()
    const poor = bed.portals[0]
    if (poor === undefined) throw new Error('there is no portal')
    const load = await ring(bed, { count: 150, perSecond: 20, portals: [poor.name] })
    const rich = await ring(bed, {
      count: 40,
      perSecond: 2,
      portals: bed.portals.slice(1, 5).map((portal) => portal.name),
    })
    await until(async () => (await readEffects(bed, 'timeline-log')).length >= 50, '50 entries', 90_000)
    await bed.control('POST', '/keys', { apiKey: poor.apiKey, balance: 0 })
    await pause(6_000)
    const refused = (await readRequests(bed)).filter((one) => one.status === 402)
    await bed.control('POST', '/keys', { apiKey: poor.apiKey, balance: null })
    await Promise.all([load.done, rich.done])
    const verdict = await judge(bed, [load, rich], { withinMs: 180_000 })
    for (const route of ['chat', 'transcription']) {
      const count = refused.filter((one) => one.route === route).length
      expect(
        count <= aiPlaces,
        `${count} requests of ${route} met the empty balance in 6 s, ${aiPlaces} have a place at once`,
      )
    }
    expect(refused.length > 0, 'the empty balance was met')
    return { verdict, recoveryMs: null, notes, broken }
  },
}
