import type { EventEmitter } from 'node:events'
import {
  createPostgresBackend,
  LATEST_SCHEMA_VERSION,
  type PgPool,
  Queue,
  runMigrations,
  WaitingError,
  Worker,
} from 'bullmq'
import pg from 'pg'
import { PglitePool } from '../db/pglite-pool.ts'
import { surviveLostClients } from '../db/survive-lost-clients.ts'
import { UsageError } from '../errors.ts'
import type { Log } from '../log.ts'
import {
  createErrorLog,
  maxEvents,
  type QueueStore,
  type QueueTimings,
  within,
  workerSettings,
} from './queues-store.ts'

/** What BullMQ asks of a pool: a server's and PGlite's both have it. */
type StorePool = PgPool & Pick<EventEmitter, 'setMaxListeners'>

/** Connections to a server at most: each worker keeps one for its notifications, the rest are shared by their queries. */
const maxConnections = 24

/** BullMQ's tables in schema `bullmq`, on a server or on PGlite. They hold nothing that the step rows do not: they may be dropped at any time. */
export async function openPostgresStore(options: {
  readonly kind: 'postgres' | 'pglite'
  readonly pool: pg.Pool | PglitePool
  readonly log: Log
  readonly timings: QueueTimings
}): Promise<QueueStore> {
  const { kind, log, timings } = options
  const complain = createErrorLog(log)
  const onPglite = options.pool instanceof PglitePool
  if (onPglite !== (kind === 'pglite')) throw new Error(`a queue of kind ${kind} was given a pool of the other kind`)
  const pool: StorePool =
    options.pool instanceof PglitePool ? options.pool.withSearchPath('bullmq') : poolBeside(options.pool, timings)
  // Each queue and worker adds a listener of its own.
  pool.setMaxListeners(0)
  pool.on('error', (error: Error) => complain('postgres', error))
  await prepare(pool, kind)

  return {
    kind,
    assertAnswering: () => undefined,
    newQueue(name) {
      const queue = new Queue(
        name,
        { connection: pool, streams: { events: { maxLen: maxEvents } } },
        createPostgresBackend,
      )
      queue.on('error', (error) => complain(`queue ${name}`, error))
      return queue
    },
    newWorker(name, concurrency, processor) {
      const connection = slowToFail(pool, timings.retryMs)
      const worker = new Worker(
        name,
        processor,
        { connection, ...workerSettings(concurrency, timings) },
        createPostgresBackend,
      )
      worker.on('error', (error) => complain(`worker ${name}`, error))
      return worker
    },
    putBackSignal: () => new WaitingError(),
    async present(name, jobIds) {
      const text = `SELECT id FROM bullmq.job WHERE queue = $1 AND id = ANY($2::text[]) AND state IN ('waiting', 'active')`
      const { rows } = await pool.query<{ id: string }>(text, [name, [...jobIds]])
      return new Set(rows.map((row) => row.id))
    },
    async readEpoch() {
      try {
        const { rows } = await pool.query<{ word: string }>('SELECT word FROM bullmq.callsift_epoch')
        return rows[0]?.word ?? null
      } catch (error) {
        if (!isMissing(error)) throw error
        // Somebody dropped the schema: this is what losing its memory looks like here.
        await prepare(pool, kind)
        return null
      }
    },
    async writeEpoch(epoch) {
      const text =
        'INSERT INTO bullmq.callsift_epoch (word) VALUES ($1) ON CONFLICT (single) DO UPDATE SET word = excluded.word'
      await pool.query(text, [epoch])
    },
    async ping() {
      await pool.query('SELECT 1')
    },
    async close() {
      await within(timings.closeMs, pool.end(), 'the connections to close').catch(() => undefined)
    },
  }
}

/** A pool of its own on the same server: BullMQ's statements need search_path set, and ours must not see it. */
function poolBeside(pool: pg.Pool, timings: QueueTimings): StorePool {
  const { options } = pool
  const beside = new pg.Pool({
    ...options,
    // Hidden from spreading by pg, so that it is not logged by accident.
    ...(options.password === undefined ? {} : { password: options.password }),
    options: `${options.options ?? ''} -c search_path=bullmq`.trim(),
    max: maxConnections,
    connectionTimeoutMillis: timings.answerMs,
    query_timeout: timings.answerMs * 2,
    keepAlive: true,
  })
  surviveLostClients(beside)
  // BullMQ's type wants overloads of `on` where pg's types have one generic: the same method, said differently.
  return beside as EventEmitter as typeof beside & StorePool
}

async function prepare(pool: StorePool, kind: 'postgres' | 'pglite'): Promise<void> {
  try {
    await migrate(pool)
  } catch (error) {
    if (kind === 'postgres') {
      throw new UsageError(
        `The queue's tables could not be brought up to date: ${error instanceof Error ? error.message : String(error)}`,
        {
          hint: 'The database user must be able to create the schema "bullmq". If a newer version made it, stop all processes and run: DROP SCHEMA bullmq CASCADE. Nothing is lost by that.',
          exitCode: 78,
        },
      )
    }
    await pool.query('DROP SCHEMA IF EXISTS bullmq CASCADE')
    await migrate(pool)
  }
}

async function migrate(pool: StorePool): Promise<void> {
  const client = await pool.connect()
  try {
    // Processes start together, and "create … if not exists" is no lock: two at once end in a duplicate key.
    await client.query(`SELECT pg_advisory_lock(hashtext('callsift.bullmq'))`)
    const version = await runMigrations(client, 'bullmq')
    if (version !== LATEST_SCHEMA_VERSION)
      throw new Error(`its schema is at version ${version}, this program knows ${LATEST_SCHEMA_VERSION}`)
    await client.query(
      'CREATE TABLE IF NOT EXISTS bullmq.callsift_epoch (single boolean PRIMARY KEY DEFAULT true, word text NOT NULL)',
    )
  } finally {
    // The lock is the session's: a connection that goes back to the pool must not keep it.
    await client.query(`SELECT pg_advisory_unlock(hashtext('callsift.bullmq'))`).catch(() => undefined)
    client.release()
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof pg.DatabaseError && (error.code === '42P01' || error.code === '3F000')
}

/**
 * The pool as a worker sees it. BullMQ asks again at once after an error that is not a refused connection (a server that is starting, a
 * schema that is gone), so the error is held back for a moment: without it, a worker would ask thousands of times a second.
 */
function slowToFail(pool: StorePool, delayMs: number): PgPool & { options: { keepAlive: boolean } } {
  const slow = {
    async query<R>(text: string, values?: readonly unknown[]) {
      try {
        return await pool.query<R>(text, values)
      } catch (error) {
        await new Promise((resolve) => setTimeout(resolve, delayMs))
        throw error
      }
    },
    // Read by BullMQ: a connection whose loss is noticed may block for long.
    options: { keepAlive: true },
    connect: () => pool.connect(),
    end: () => pool.end(),
    // What the pool itself reports is logged where it was opened.
    on: () => slow,
    removeAllListeners: () => slow,
  }
  return slow
}
