import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Kysely, PostgresDialect, type Transaction } from 'kysely'
import pg from 'pg'
import type { Log } from '../log.ts'
import type { Schema } from './schema.ts'
import { surviveLostClients } from './survive-lost-clients.ts'
import { type Outages, watchOutages } from './watch-outages.ts'

export type Database = Kysely<Schema>
/** A transaction, or the database itself where one statement is enough. */
export type Queryable = Kysely<Schema> | Transaction<Schema>

export interface Connection {
  readonly kind: 'postgres' | 'pglite'
  readonly db: Database
  /** For writes whose loss at a crash of the record does no harm (pacing, claims); commits without waiting for the disk. */
  readonly looseDb: Database
  /** What BullMQ's Postgres backend runs on. */
  readonly pool: pg.Pool
  /** Of the record's server; undefined for the embedded one, which cannot be away while somebody waits for it. */
  readonly outages?: Outages
  close(): Promise<void>
}

export function overPool(pool: pg.Pool): Database {
  return new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) })
}

function openPostgres(databaseUrl: string, log: Log): Connection {
  const settings = {
    connectionString: databaseUrl,
    application_name: 'callsift',
    connectionTimeoutMillis: 2_000,
    // A database that stops answering must fail the statement, not hang the webhook behind it.
    query_timeout: 15_000,
    keepAlive: true,
  }
  // Postgres would compile what only looks dear, each time anew: 300 ms for a page that needs 50.
  const options = '-c jit=off'
  const pool = new pg.Pool({ ...settings, max: 12, options })
  const loosePool = new pg.Pool({ ...settings, max: 8, options: `${options} -c synchronous_commit=off` })
  for (const each of [pool, loosePool]) {
    surviveLostClients(each)
    each.on('error', (error) => log.warn({ error: error.message }, 'an idle database connection was lost'))
  }
  const db = overPool(pool)
  const looseDb = overPool(loosePool)
  return {
    kind: 'postgres',
    db,
    looseDb,
    pool,
    outages: watchOutages([pool, loosePool]),
    close: async () => {
      await db.destroy()
      await looseDb.destroy()
    },
  }
}

async function openPglite(dataDir: string | 'memory'): Promise<Connection> {
  const location = dataDir === 'memory' ? 'memory://' : join(dataDir, 'pglite')
  if (dataDir !== 'memory') await mkdir(location, { recursive: true, mode: 0o700 })
  // A database as a module: loaded only where it is the record.
  const [{ PGlite }, { createPglitePool }] = await Promise.all([
    import('@electric-sql/pglite'),
    import('./pglite-pool.ts'),
  ])
  const pglite = await PGlite.create({ dataDir: location })
  const pool = createPglitePool(pglite) as unknown as pg.Pool
  const db = overPool(pool)
  return {
    kind: 'pglite',
    db,
    looseDb: db,
    pool,
    close: async () => {
      await db.destroy()
      if (!pglite.closed) await pglite.close()
    },
  }
}

/** Opens Postgres where a URL is given, else PGlite in the folder (`memory` for none). The folder must be owned: see owner-lock. */
export async function openDatabase(
  where: { databaseUrl: string } | { dataDir: string | 'memory' },
  log: Log,
): Promise<Connection> {
  return 'databaseUrl' in where ? openPostgres(where.databaseUrl, log) : await openPglite(where.dataDir)
}
