import { describe, expect, test } from 'vitest'
import { scoreUnderKills } from '../support/killed-scoring.ts'
import { freshDatabase } from '../support/stores.ts'

const what = 'scoring leads while workers are killed'
const database = await freshDatabase(what)

// The short form; test/long scores as many as LEADS says.
describe.skipIf(database === undefined)(what, () => {
  test('each lead is judged once and set right, and a second scoring pays nothing', async () => {
    const outcome = await scoreUnderKills({
      databaseUrl: database?.url ?? '',
      redisUrl: undefined,
      leads: 20,
      killEveryMs: 5_000,
      withinMs: 90_000,
    })
    expect(outcome.early).toBe(0)
    expect(outcome.kills).toBeGreaterThan(0)
  }, 150_000)
})
