import { Kysely, PostgresDialect } from 'kysely'
import type { Database } from '../../../src/db/connect.ts'
import type { PglitePool, PgliteQuery } from '../../../src/db/pglite-pool.ts'
import type { Schema } from '../../../src/db/schema.ts'

/** Where a process may stop for good, or hear nothing of what it did: before a statement leaves, and before its answer arrives. */
export interface Gate {
  before(): Promise<void>
  after(): Promise<void>
}

/**
 * The record as one simulated process has it. Each statement, and each transaction as a whole, passes the gate before and after: PGlite has
 * one session, so transactions do not interleave here (real Postgres and the kill tests show those).
 */
export function gatedDatabase(pool: PglitePool, gate: Gate): Database {
  const connect = async () => {
    let held: Awaited<ReturnType<PglitePool['connect']>> | null = null
    const query = async (asked: PgliteQuery, values?: readonly unknown[]) => {
      const text = (typeof asked === 'string' ? asked : asked.text).trim().toLowerCase()
      if (held !== null) {
        const answer = await held.query(asked, values)
        if (text !== 'commit' && text !== 'rollback') return answer
        held.release()
        held = null
        await gate.after()
        return answer
      }
      await gate.before()
      const client = await pool.connect()
      if (/^(begin|start transaction)/.test(text)) {
        held = client
        return await client.query(asked, values)
      }
      try {
        return await client.query(asked, values)
      } finally {
        client.release()
        await gate.after()
      }
    }
    return { query, release: () => held?.release() }
  }
  // kysely asks a pool for these three and nothing else.
  return new Kysely<Schema>({
    dialect: new PostgresDialect({ pool: { connect, end: async () => undefined } as never }),
  })
}
