import { type Fault, promises } from './harness/fault.ts'
import { ring } from './harness/load.ts'
import { readRequests } from './harness/truth.ts'
import { judge } from './harness/verdict.ts'

const count = 1_000

/** The timeline has no idempotency key: what was applied and then answered with an error must be recognised, not written again. */
export const f18: Fault = {
  id: 'F18',
  injected:
    'the upstream answers 30 % of writes with 502, a reset or half an answer, 20 % after it has applied them; 10 % of the AI fails too',
  expected: '1,000 calls: 1,000 entries, 0 duplicates',
  naive: true,
  bed: () => ({ env: { CALLSIFT_CONCURRENCY: '16', CALLSIFT_AI_CONCURRENCY: '8' } }),
  async run(bed) {
    const { notes, broken, note, expect } = promises()
    const write = { route: 'timeline-logs.create' }
    // Each meets what those before it let through: 7 %, 7 %, 6 % and 10 % of all.
    const faults = [
      { ...write, kind: 'after', how: 'status', status: 502, probability: 0.07 },
      { ...write, kind: 'after', how: 'reset', probability: 0.07 / 0.93 },
      { ...write, kind: 'after', how: 'truncated', probability: 0.06 / 0.86 },
      { ...write, kind: 'before', status: 502, probability: 0.1 / 0.8 },
      { route: 'chat', kind: 'before', status: 502, probability: 0.1 },
      { route: 'transcription', kind: 'after', how: 'reset', probability: 0.1 },
    ]
    for (const [index, fault] of faults.entries()) await bed.control('POST', '/faults', { ...fault, seed: 18 + index })
    const load = await ring(bed, { count, perSecond: 25 })
    await load.done
    const verdict = await judge(bed, [load], { withinMs: 240_000 })
    const writes = (await readRequests(bed)).filter((one) => one.route === 'timeline-logs.create')
    const spoilt = writes.filter((one) => one.fault === 'after').length
    note(`${writes.length} writes were sent, ${spoilt} of them applied and then failed`)
    expect(verdict.expected === count, `${verdict.expected} calls accepted`)
    expect(spoilt >= count * 0.15, `${((spoilt / count) * 100).toFixed(0)} applied-then-failed answers for 100 calls`)
    return { verdict, recoveryMs: null, notes, broken }
  },
}
