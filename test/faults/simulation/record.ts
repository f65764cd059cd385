import { PGlite } from '@electric-sql/pglite'
import { type Database, overPool } from '../../../src/db/connect.ts'
import { migrate } from '../../../src/db/migrate.ts'
import { createPglitePool, type PglitePool } from '../../../src/db/pglite-pool.ts'
import { addPortal } from '../../support/engine-bench.ts'

export interface SimulatedRecord {
  readonly pool: PglitePool
  readonly db: Database
  advance(ms: number): Promise<void>
  nowMs(): Promise<number>
  close(): Promise<void>
}

/**
 * The real record, its migrations and functions, on a clock of the simulation's own: a function of the same name stands before Postgres' in
 * the search path. It moves a millisecond each time it is asked, so that no two moments are one.
 */
export async function openSimulatedRecord(): Promise<SimulatedRecord> {
  const pglite = await PGlite.create({ dataDir: 'memory://' })
  await pglite.exec(`create schema sim;
    create table sim.clock (at timestamptz not null);
    insert into sim.clock values ('2026-01-01T00:00:00Z');
    create sequence sim.tick;
    create function sim.clock_timestamp() returns timestamptz language sql volatile
      as $$ select at + nextval('sim.tick') * interval '1 millisecond' from sim.clock $$;
    create function sim.now() returns timestamptz language sql volatile as $$ select sim.clock_timestamp() $$;`)
  const pool = createPglitePool(pglite, { searchPath: 'sim, pg_catalog, public' })
  const db = overPool(pool as never)
  await migrate(db)
  await addPortal(db, 'p1', 'k1')
  return {
    pool,
    db,
    advance: async (ms) => {
      await pool.query(`update sim.clock set at = at + $1 * interval '1 millisecond'`, [ms])
    },
    nowMs: async () => {
      const { rows } = await pool.query<{ ms: number }>(
        'select extract(epoch from at)::float8 * 1000 as ms from sim.clock',
      )
      return rows[0]?.ms ?? Number.NaN
    },
    close: async () => {
      await db.destroy()
      await pglite.close()
    },
  }
}
