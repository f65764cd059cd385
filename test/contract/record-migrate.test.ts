import { sql } from 'kysely'
import { afterEach, describe, expect, it } from 'vitest'
import type { Database } from '../../src/db/connect.ts'
import { type Migration, migrate, programLevel, readLevel } from '../../src/db/migrate.ts'
import { record } from '../../src/db/migrations/0001-record.ts'
import { UsageError } from '../../src/errors.ts'
import { openRecord, type RecordBench, startRun } from '../support/engine-bench.ts'
import { testRegistry } from '../support/engine-workflows.ts'
import { createClosers } from '../support/stores.ts'

const expand: Migration = {
  level: 2,
  oldestProgram: 1,
  statements: ['alter table callsift.runs add column note text', `create table callsift.notes (id bigint primary key)`],
}
const contract: Migration = { level: 3, oldestProgram: 3, statements: ['alter table callsift.runs drop column class'] }
const broken: Migration = {
  level: 2,
  oldestProgram: 1,
  statements: ['alter table callsift.runs add column note text', 'alter table callsift.nothing add column x text'],
}
const { add: later, closeAll } = createClosers()
afterEach(closeAll)

// Whether this machine has the store is asked once, before the tests are named.
const probe = await openRecord('postgres', 'migrations on Postgres', { migrated: false })
await probe?.close()

for (const kind of ['postgres', 'pglite'] as const) {
  describe.skipIf(kind === 'postgres' && probe === undefined)(`migrations on ${kind}`, () => {
    const open = async (migrated = false): Promise<RecordBench> => {
      const bench = await openRecord(kind, `migrations on ${kind}`, { migrated: false })
      if (bench === undefined) throw new Error('the store was there a moment ago')
      later(() => bench.close())
      // Laid out by the first release, whatever the present one knows: the levels below are counted from there.
      if (migrated) await migrate(bench.db, { list: [record] })
      return bench
    }
    const columns = async (db: Database) => {
      const { rows } = await sql<{ name: string }>`select column_name as name from information_schema.columns
        where table_schema = 'callsift' and table_name = 'runs'`.execute(db)
      return rows.map((row) => row.name)
    }

    it('lays an empty database out once, and does nothing the next time', async () => {
      const { db } = await open()
      expect(await readLevel(db)).toEqual({ level: 0, oldestProgram: 0 })
      expect(await migrate(db, { dryRun: true })).toMatchObject({ from: 0, to: programLevel })
      expect(await readLevel(db)).toEqual({ level: 0, oldestProgram: 0 })
      expect(await migrate(db)).toMatchObject({ from: 0, to: programLevel })
      expect(await migrate(db)).toEqual({ from: programLevel, to: programLevel, applied: [] })
    })

    it('is done by one of five processes that start at once', async () => {
      const bench = await open()
      const processes = await Promise.all(Array.from({ length: 5 }, async () => (await bench.connect()).db))
      const reports = await Promise.all(processes.map((db) => migrate(db, { list: [record, expand] })))
      expect(reports.filter((report) => report.applied.length > 0)).toEqual([{ from: 0, to: 2, applied: [1, 2] }])
      expect(reports.filter((report) => report.applied.length === 0)).toEqual(
        Array(4).fill({ from: 2, to: 2, applied: [] }),
      )
    })

    it('lets the older program go on after an expansion, with runs of its own, and keeps what stands', async () => {
      const { db } = await open(true)
      const before = await startRun(db, testRegistry(), 'lone', { text: 'before' })
      expect(await migrate(db, { list: [record, expand] })).toEqual({ from: 1, to: 2, applied: [2] })
      expect(await columns(db)).toContain('note')
      // The older program starts: nothing to do, and nothing undone.
      expect(await migrate(db, { list: [record] })).toEqual({ from: 2, to: 2, applied: [] })
      expect(await readLevel(db)).toEqual({ level: 2, oldestProgram: 1 })
      const after = await startRun(db, testRegistry(), 'lone', { text: 'after' })
      const runs = await db.selectFrom('callsift.runs').select('id').orderBy('id').execute()
      expect(runs.map((run) => run.id)).toEqual([before, after])
    })

    it('refuses the older program, with exit 78 and the way out, only when the database says that it is too new', async () => {
      const { db } = await open(true)
      await migrate(db, { list: [record, expand, contract] })
      const refused = await migrate(db, { list: [record, expand] }).catch((error: unknown) => error)
      expect(refused).toBeInstanceOf(UsageError)
      expect(refused).toMatchObject({ exitCode: 78 })
      expect(String(refused)).toContain('level 3')
      expect((refused as UsageError).hint).toContain('newer release')
      expect(await migrate(db, { list: [record, expand, contract] })).toEqual({ from: 3, to: 3, applied: [] })
    })

    it('is all or nothing', async () => {
      const { db } = await open(true)
      await expect(migrate(db, { list: [record, broken] })).rejects.toThrow('nothing')
      expect(await readLevel(db)).toEqual({ level: 1, oldestProgram: 1 })
      expect(await columns(db)).not.toContain('note')
    })
  })
}
