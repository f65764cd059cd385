import { type Fault, promises } from './harness/fault.ts'
import { ring } from './harness/load.ts'
import { readEffects, readRequests } from './harness/truth.ts'
import { pause } from './harness/until.ts'
import { judge } from './harness/verdict.ts'

export const f23: Fault = {
  id: 'F23',
  injected: 'the key of one portal is revoked in the middle of a run, and made good after 10 s',
  expected: 'that key alone is paused, one alert for it, other portals are unaffected, all goes on by itself',
  naive: true,
  sideBySide: true,
  bed: () => ({ timings: { alertEveryMs: 500 } }),
  async run(bed) {
    const { notes, broken, expect } = promises()
    const [struck, ...others] = bed.portals
    if (struck === undefined) throw new Error('there is no portal')
    const load = await ring(bed, { count: 80, perSecond: 5, portals: [struck.name] })
    const rest = await ring(bed, { count: 100, perSecond: 6, portals: others.map((portal) => portal.name) })
    await pause(3_000)
    const revokedAt = Date.now()
    await bed.control('POST', '/keys', { apiKey: struck.apiKey, state: 'revoked' })
    await pause(10_000)
    const healedAt = Date.now()
    await bed.control('POST', '/keys', { apiKey: struck.apiKey, state: 'active' })
    await Promise.all([load.done, rest.done])
    const verdict = await judge(bed, [load, rest], { withinMs: 180_000 })
    const refused = (await readRequests(bed)).filter((one) => one.status === 401 || one.status === 403)
    const meanwhile = (await readEffects(bed, 'timeline-log')).filter(
      (entry) => entry.at > revokedAt + 2_000 && entry.at < healedAt,
    )
    const own = meanwhile.filter((entry) => entry.portal === struck.name).length
    expect(refused.length > 0 && refused.length <= 16, `${refused.length} requests met the revoked key in 10 s`)
    expect(
      own === 0 && meanwhile.length > 20,
      `meanwhile ${meanwhile.length} entries of other portals, ${own} of its own`,
    )
    if (bed.record !== null) {
      const alerts = await bed.record.db.selectFrom('callsift.alerts').select(['kind', 'portal_ids']).execute()
      const about = alerts.filter((alert) => alert.portal_ids.includes(struck.name))
      expect(about.length === 1 && alerts.length === 1, `alerts: ${alerts.map((alert) => alert.kind).join(', ')}`)
    }
    return { verdict, recoveryMs: null, notes, broken }
  },
}
