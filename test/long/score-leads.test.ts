import { describe, expect, test } from 'vitest'
import { scoreUnderKills } from '../support/killed-scoring.ts'
import { freshDatabase, sharedRedis } from '../support/stores.ts'

const what = 'scoring many leads while workers are killed'
const [database, redisUrl] = [await freshDatabase(what), await sharedRedis(what)]
const leads = Number(process.env['LEADS'] ?? 10_000)

describe.skipIf(database === undefined || redisUrl === undefined)(what, () => {
  test(`${leads} leads, a kill -9 each 5 s`, async () => {
    const outcome = await scoreUnderKills({
      databaseUrl: database?.url ?? '',
      redisUrl,
      compiled: true,
      leads,
      killEveryMs: 5_000,
      withinMs: 7_200_000,
    })
    const { serveMb, ...figures } = outcome
    const third = Math.ceil(serveMb.length / 3)
    const middle = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
    const [early, late] = [middle(serveMb.slice(0, third)), middle(serveMb.slice(-third))]
    process.stdout.write(`${JSON.stringify({ ...figures, serveMb: { early, late, most: Math.max(...serveMb) } })}\n`)
    expect(late - early).toBeLessThan(30)
    expect(Math.max(...serveMb)).toBeLessThan(300)
    expect(outcome).toMatchObject({ patches: leads, early: 0 })
    expect(outcome.kills).toBeGreaterThan(1)
  }, 7_300_000)
})
