import { type Fault, promises } from './harness/fault.ts'
import { ring } from './harness/load.ts'
import { type RequestRecord, readRequests } from './harness/truth.ts'
import { judge } from './harness/verdict.ts'

const limitScale = 4
const allowedPerSecond = (300 / 60) * limitScale

/** Five keys are refused every third request, to wait 1 to 5 s; a sixth is only held to its documented rate and must use it. */
export const f21: Fault = {
  id: 'F21',
  injected:
    'every third request of five keys is a 429 with a wait of 1 to 5 s; a sixth key has a backlog and its documented rate',
  expected: '0 requests before a wait is over, all done, >= 80 % of the allowed rate used',
  naive: true,
  bed: () => ({
    portals: 6,
    sandbox: { latencyMs: 20, limitScale },
    env: {
      CALLSIFT_RATE_PER_MINUTE: String(300 * limitScale),
      CALLSIFT_RATE_PER_SECOND: String(10 * limitScale),
      CALLSIFT_CONCURRENCY: '8',
      CALLSIFT_AI_CONCURRENCY: '8',
    },
  }),
  async run(bed) {
    const { notes, broken, note, expect } = promises()
    const stormed = bed.portals.slice(0, 5).map((portal) => portal.name)
    const busy = bed.portals[5]?.name ?? ''
    for (const [index, portal] of stormed.entries()) {
      const retryAfter = index + 1
      const times = Math.ceil(40 / retryAfter)
      await bed.control('POST', '/faults', {
        route: '.*',
        portal,
        kind: 'status',
        status: 429,
        every: 3,
        retryAfter,
        times,
      })
    }
    const backlog = await ring(bed, { count: 130, perSecond: 100, portals: [busy] })
    const storm = await ring(bed, { count: 60, perSecond: 5, portals: stormed })
    await Promise.all([backlog.done, storm.done])
    const verdict = await judge(bed, [backlog, storm], { withinMs: 240_000 })
    const requests = await readRequests(bed)
    const refused = requests.filter((one) => one.status === 429)
    const early = requests.filter((one) => one.earlyMs > 50 && one.sinceRefusalMs > 250)
    const used = rateUsed(requests.filter((one) => one.portal === busy))
    expect(refused.length > 50, `${refused.length} requests were refused`)
    expect(early.length === 0, `${early.length} requests came before their wait was over`)
    expect(
      used >= 0.8,
      `${(used * 100).toFixed(0)} % of the allowed ${allowedPerSecond}/s used while there was a backlog`,
    )
    const crossed = requests.filter((one) => one.earlyMs > 50 && one.sinceRefusalMs <= 250).length
    note(`${crossed} requests had left before their key's refusal was answered`)
    return { verdict, recoveryMs: null, notes, broken }
  },
}

/** Of the middle of the run: at its ends there is no backlog to use the rate for. */
function rateUsed(requests: readonly RequestRecord[]): number {
  const times = requests.map((one) => one.at).sort((a, b) => a - b)
  const [from, to] = [Math.floor(times.length * 0.1), Math.floor(times.length * 0.7)]
  const seconds = ((times[to] ?? 0) - (times[from] ?? 0)) / 1000
  return seconds === 0 ? 0 : (to - from) / seconds / allowedPerSecond
}
