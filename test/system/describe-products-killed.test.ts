import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { writeAbout } from '../../src/sandbox/copywriter.ts'
import { startKilledBatches } from '../support/killed-batches.ts'
import { freshDatabase } from '../support/stores.ts'

const what = 'describing products while workers are killed'
const database = await freshDatabase(what)
const count = 12

describe.skipIf(database === undefined)(what, () => {
  test('each card gets its text once, the old one is kept, and a second run pays nothing', async () => {
    const batches = await startKilledBatches<Record<string, unknown>>({
      databaseUrl: database?.url ?? '',
      redisUrl: undefined,
      workflow: 'describeProducts',
      payingStep: 'draftDescription',
      reportStep: 'reportDescriptions',
      killEveryMs: 5_000,
      mostKills: 3,
      withinMs: 90_000,
    })
    const { service, chats, updates } = batches
    try {
      const portal = service.sandbox.world.portal('portal-0')
      // Known beforehand, each another: a text in another's card, or an old text lost, shows.
      const products = Array.from({ length: count }, (_, n) => {
        const [name, price, old] = [
          `Kettle Breeze ${n + 2}`,
          1_000 + n,
          n % 2 === 0 ? `Written by a person, ${n}.` : '',
        ]
        const row = { id: portal.nextId(), name, price, currency: 'RUB', description: old, active: 'Y' }
        portal.entities.products.set(row.id, row)
        const text = writeAbout(`name: ${name}\nprice: ${price}\ncurrency: RUB`, 'Length: 150 to 900 characters')
        return { row, old, text, before: { ...row } }
      })
      batches.spoil('products', { refuse: 9, fail: 11, failWrite: 3 })
      const { report, kills } = await batches.runUnderKills('first', { direct: true, replace: true })
      expect(report).toMatchObject({ found: count, queued: count, written: count, inReview: 0, failures: {} })
      expect(kills).toBeGreaterThan(0)

      for (const { row, before, text } of products)
        expect(row).toEqual({ ...before, description: text, updatedTime: expect.any(String) as unknown })
      const byId = <Of extends { id: number }>(rows: Of[]) => rows.toSorted((one, other) => one.id - other.id)
      expect(byId(updates().map(({ detail }) => ({ id: Number(detail['id']), changes: detail['changes'] })))).toEqual(
        byId(products.map(({ row, text }) => ({ id: row.id, changes: { description: text } }))),
      )
      const drafts = await sql`select record_id::int as id, old_text as old, text, state from callsift.drafts
        order by record_id`.execute(service.db)
      expect(drafts.rows).toEqual(
        byId(products.map(({ row, old, text }) => ({ id: row.id, old, text, state: 'written' }))),
      )
      const judged = await sql`select (output->>'productId')::int as id from callsift.steps
        where name = 'draftDescription' and state = 'done' order by 1`.execute(service.db)
      expect(judged.rows).toEqual(byId(products.map(({ row: { id } }) => ({ id }))))
      const paid = chats()
      // What a worker had asked when it was killed is asked again, once each: no more than it may have under way.
      expect(paid).toBeLessThanOrEqual(count + kills * 8)

      service.sandbox.clearFaults()
      const again = await batches.run('second', { direct: true })
      expect(again).toMatchObject({ found: count, unchanged: count, queued: 0, drafted: 0, cost: 0 })
      expect([chats(), updates().length]).toEqual([paid, count])
      expect(batches.early()).toBe(0)
    } finally {
      await batches.close()
    }
  }, 150_000)
})
