import fc from 'fast-check'
import { expect, it } from 'vitest'
import { pacing, type Rate } from '../../src/engine/gates.ts'

/**
 * The statement of `reserve` on a simulated clock (ms): a send slot is granted while the theoretical arrival time less the slack is
 * no further away than the caller waits.
 */
function simulate(rate: Rate, asks: readonly number[], maxWaitMs: number): number[] {
  const { intervalMs, burst } = pacing(rate)
  const slackMs = intervalMs * (burst - 1)
  const sent: number[] = []
  let tat = Number.NEGATIVE_INFINITY
  for (const now of asks) {
    if (tat - slackMs > now + maxWaitMs) continue
    sent.push(Math.max(now, tat - slackMs))
    tat = Math.max(tat, now) + intervalMs
  }
  return sent
}

/** The most that fall into any window of this length, its ends included. */
function mostWithin(sent: readonly number[], windowMs: number): number {
  let most = 0
  let from = 0
  for (const [index, at] of sent.entries()) {
    while (at - (sent[from] ?? 0) > windowMs) from += 1
    most = Math.max(most, index - from + 1)
  }
  return most
}

const rates = fc.record({ perMinute: fc.integer({ min: 1, max: 1200 }), perSecond: fc.integer({ min: 1, max: 50 }) })

it('never lets a sliding window of a minute or a second see more than its limit, however the asks fall', () => {
  const asks = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 3_000 })), {
    minLength: 50,
    maxLength: 1_500,
  })
  fc.assert(
    fc.property(rates, asks, fc.constantFrom(0, 200, 2_000), (rate, gaps, maxWaitMs) => {
      let now = 0
      const sent = simulate(
        rate,
        gaps.map((gap) => {
          now += gap
          return now
        }),
        maxWaitMs,
      )
      expect(mostWithin(sent, 1_000)).toBeLessThanOrEqual(rate.perSecond)
      expect(mostWithin(sent, 60_000)).toBeLessThanOrEqual(rate.perMinute)
    }),
    { numRuns: 300 },
  )
})

it('uses at least 80 % of what is allowed when there is always something to send', () => {
  fc.assert(
    fc.property(rates, (rate) => {
      const allowedPerMs = Math.min(rate.perMinute / 60_000, rate.perSecond / 1_000)
      expect(1 / pacing(rate).intervalMs).toBeGreaterThanOrEqual(0.8 * allowedPerMs)
    }),
    { numRuns: 2_000 },
  )
})

it('lets a few go together where the minute is the narrow limit, and one at a time where the second is', () => {
  expect(pacing({ perMinute: 300, perSecond: 10 }).burst).toBe(5)
  expect(pacing({ perMinute: 600, perSecond: 10 }).burst).toBe(1)
  expect(pacing({ perMinute: 60, perSecond: 1 }).burst).toBe(1)
})

it('would be caught by these tests with the burst on top of the whole rate', () => {
  const naive = (count: number) => Array.from({ length: count }, (_, n) => Math.max(0, n - 4) * 200)
  expect(mostWithin(naive(400), 60_000)).toBeGreaterThan(300)
})
