import { afterEach, describe, expect, it } from 'vitest'
import type { Database } from '../../src/db/connect.ts'
import { type Caps, readSpent, releaseSpend, reserveSpend, type SpendItem, settleSpend } from '../../src/db/spend.ts'
import { openRecord, type RecordBench } from '../support/engine-bench.ts'
import { createClosers } from '../support/stores.ts'

const { add: later, closeAll } = createClosers()
afterEach(closeAll)

const probe = await openRecord('postgres', 'caps on Postgres', { migrated: false })
await probe?.close()

const caps = (changes: Partial<Caps>): Caps => ({
  dayMs: null,
  monthMs: null,
  dayMicros: null,
  monthMicros: null,
  ...changes,
})
const item = (key: string, changes: Partial<SpendItem> = {}): SpendItem => ({
  key,
  portalId: 'p1',
  kind: 'speech',
  speechMs: 60_000,
  micros: 0,
  timeZone: 'UTC',
  ...changes,
})

async function spent(db: Database, timeZone = 'UTC') {
  const read = (await readSpent(db, [{ id: 'p1', timeZone }])).get('p1')
  if (read === undefined) throw new Error('nothing read')
  return read
}

for (const kind of ['postgres', 'pglite'] as const) {
  describe.skipIf(kind === 'postgres' && probe === undefined)(`caps on ${kind}`, () => {
    const open = async (): Promise<RecordBench> => {
      const bench = await openRecord(kind, `caps on ${kind}`)
      if (bench === undefined) throw new Error('the store was there a moment ago')
      later(() => bench.close())
      return bench
    }

    it('fifty that ask at once from five processes never take more than the cap', async () => {
      const bench = await open()
      const processes = await Promise.all(Array.from({ length: 5 }, async () => (await bench.connect()).db))
      const limits = caps({ dayMs: 600_000, monthMs: 10_000_000 })
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, n) => reserveSpend(processes[n % 5] ?? bench.db, item(`race ${n}`), limits)),
      )
      expect(answers.filter((answer) => answer === null)).toHaveLength(10)
      for (const refusal of answers.filter((answer) => answer !== null)) {
        expect(refusal).toMatchObject({ period: 'day', what: 'speech', cap: 600_000, taken: 600_000 })
        expect(refusal.opensInMs).toBeGreaterThan(0)
        expect(refusal.opensInMs).toBeLessThanOrEqual(24 * 3_600_000)
      }
      // A refusal leaves nothing behind: neither a reservation of the month, nor an item.
      const { day, month } = await spent(bench.db)
      expect([day.reservedMs, month.reservedMs, day.usedMs]).toEqual([600_000, 600_000, 0])
      const items = await bench.db.selectFrom('callsift.spend_items').select('key').execute()
      expect(items).toHaveLength(10)
    })

    it('reserving, settling and freeing at once by many leaves exactly what was paid', async () => {
      const bench = await open()
      const processes = await Promise.all(Array.from({ length: 5 }, async () => (await bench.connect()).db))
      const limits = caps({ dayMicros: 1_000 })
      await Promise.all(
        Array.from({ length: 50 }, async (_, n) => {
          const db = processes[n % 5] ?? bench.db
          const wanted = item(`money ${n}`, { kind: 'chat', speechMs: 0, micros: 100 })
          for (let tries = 0; (await reserveSpend(db, wanted, limits)) !== null; tries += 1) if (tries === 300) return
          if (n % 2 === 0) await settleSpend(db, { ...wanted, micros: 10 })
          else await releaseSpend(db, wanted.key)
          expect((await spent(db)).day.usedMicros).toBeLessThanOrEqual(1_000)
        }),
      )
      const rows = await bench.db.selectFrom('callsift.spend_items').selectAll().execute()
      const settled = rows.filter((row) => row.state === 'settled')
      expect(settled.length).toBeGreaterThan(0)
      const { day, month } = await spent(bench.db)
      expect([day.reservedMicros, month.reservedMicros]).toEqual([0, 0])
      expect([day.usedMicros, month.usedMicros]).toEqual([settled.length * 10, settled.length * 10])
    })

    it('counts a step once that crashed, was delivered twice, or settled twice', async () => {
      const { db } = await open()
      const limits = caps({ dayMs: 90_000 })
      const [first, ...others] = await Promise.all([1, 2, 3].map(() => reserveSpend(db, item('one'), limits)))
      expect([first, ...others]).toEqual([null, null, null])
      expect((await spent(db)).day.reservedMs).toBe(60_000)
      await Promise.all([settleSpend(db, item('one')), settleSpend(db, item('one'))])
      await releaseSpend(db, 'one')
      expect(await reserveSpend(db, item('one'), limits)).toBeNull()
      expect(await spent(db)).toMatchObject({ day: { usedMs: 60_000, reservedMs: 0 }, month: { usedMs: 60_000 } })
      // What was freed asks for room again like any other.
      expect(await reserveSpend(db, item('two', { speechMs: 30_000 }), limits)).toBeNull()
      await releaseSpend(db, 'two')
      expect(await reserveSpend(db, item('three', { speechMs: 30_000 }), limits)).toBeNull()
      expect(await reserveSpend(db, item('two', { speechMs: 30_000 }), limits)).toMatchObject({ period: 'day' })
    })

    it('counts without caps as well, and leaves a share where one is named', async () => {
      const { db } = await open()
      await settleSpend(db, item('free'))
      await settleSpend(db, item('free'))
      expect((await spent(db)).month).toMatchObject({ usedMs: 60_000, reservedMs: 0 })
      const limits = caps({ monthMs: 300_000 })
      const asked = (key: string, share: number) => reserveSpend(db, item(key), limits, share)
      expect([await asked('b1', 0.8), await asked('b2', 0.8), await asked('b3', 0.8)]).toEqual([null, null, null])
      expect(await asked('b4', 0.8)).toMatchObject({ period: 'month', what: 'speech', cap: 300_000 })
      expect(await asked('live', 1)).toBeNull()
      expect(await asked('live 2', 1)).toMatchObject({ period: 'month' })
    })

    it('turns the day where the portal stands', async () => {
      const { db } = await open()
      const east = item('east', { timeZone: 'Pacific/Kiritimati' })
      const west = item('west', { timeZone: 'Pacific/Pago_Pago' })
      expect(await reserveSpend(db, east, caps({ dayMs: 60_000 }))).toBeNull()
      // 25 hours apart: never the same day.
      expect(await reserveSpend(db, west, caps({ dayMs: 60_000 }))).toBeNull()
      const days = await db.selectFrom('callsift.spend_items').select('day').distinct().execute()
      expect(days).toHaveLength(2)
    })
  })
}
