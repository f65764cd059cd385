import { sql } from 'kysely'
import type { Queryable } from './connect.ts'

/** The database's clock, which all waits and leases go by; ms since 1970. */
export async function readClockMs(db: Queryable): Promise<number> {
  const rows = await sql<{ ms: number }>`select extract(epoch from clock_timestamp())::float8 * 1000 as ms`.execute(db)
  return rows.rows[0]?.ms ?? Number.NaN
}
