import { sql } from 'kysely'
import { afterEach, describe, expect, it } from 'vitest'
import { openRecord, type RecordBench } from '../support/engine-bench.ts'

const bench = await openRecord('postgres', 'a record that ends connections under way', { migrated: false })

describe.skipIf(bench === undefined)('a record that ends connections under way', () => {
  const { db, connect, close } = bench as RecordBench
  afterEach(() => close())

  it('F33: fails the transaction that was thinking, and not the process', async () => {
    const { db: other } = await connect()
    const thinking = db.transaction().execute(async (trx) => {
      const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(trx)
      // Until the server has ended it, this connection waits without a statement: nobody but its pool could hear of it.
      await sql`select pg_terminate_backend(${rows[0]?.pid}, 5000)`.execute(other)
      for (let n = 0; n < 10; n += 1) await sql`select 1`.execute(other)
      await sql`select 1`.execute(trx)
    })
    await expect(thinking).rejects.toThrow()
    expect((await sql<{ one: number }>`select 1 as one`.execute(db)).rows).toEqual([{ one: 1 }])
  })
})
