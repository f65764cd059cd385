import { EventEmitter } from 'node:events'
import type { PGlite } from '@electric-sql/pglite'
import type { QueryResult, QueryResultRow } from 'pg'
import { PgliteSession, type SessionUser, type Statement } from './pglite-session.ts'

const defaultSearchPath = '"$user", public'

/** Statements arrive as text with values, or as node-postgres' config object. */
export type PgliteQuery = string | Statement

/** node-postgres' result; the row type is the caller's word, unchecked, as it is there. */
export interface PgliteResult<R> extends Omit<QueryResult, 'rows'> {
  rows: R[]
}

const sessions = new WeakMap<PGlite, PgliteSession>()

/**
 * A `pg` pool over PGlite's single session, for kysely's PostgresDialect, for BullMQ's Postgres backend and for plain `query` calls. Results,
 * types and errors are node-postgres' own. All pools of one PGlite share its session; once a pool exists, nothing may use the PGlite directly.
 */
export function createPglitePool(pglite: PGlite, options: { searchPath?: string } = {}): PglitePool {
  let session = sessions.get(pglite)
  if (session === undefined) {
    session = new PgliteSession(pglite)
    sessions.set(pglite, session)
  }
  return new PglitePool(session, options.searchPath ?? defaultSearchPath)
}

export class PglitePool extends EventEmitter {
  /** Read by BullMQ: a connection that cannot drop unnoticed may block for long. */
  readonly options = { keepAlive: true }
  readonly #session: PgliteSession
  readonly #searchPath: string
  #running = 0
  #ended = false
  #whenIdle: (() => void) | undefined

  constructor(session: PgliteSession, searchPath: string) {
    super()
    this.#session = session
    this.#searchPath = searchPath
  }

  /** The same session seen through another search_path; neither side can leak its own to the other. */
  withSearchPath(searchPath: string): PglitePool {
    return new PglitePool(this.#session, searchPath)
  }

  async query<R = QueryResultRow>(query: PgliteQuery, values?: readonly unknown[]): Promise<PgliteResult<R>> {
    if (this.#ended) throw new Error('Cannot use a pool after calling end on the pool')
    this.#running += 1
    try {
      const user: SessionUser = { searchPath: this.#searchPath }
      const result = await this.#session.submit(user, statementOf(query, values))
      if (this.#session.holds(user)) {
        await this.#session.submit(user, { text: 'ROLLBACK' })
        throw new Error(
          'A transaction was begun on the pool itself and was rolled back: begin it on a client from connect().',
        )
      }
      return result as PgliteResult<R>
    } finally {
      this.#running -= 1
      if (this.#running === 0) this.#whenIdle?.()
    }
  }

  connect(): Promise<PgliteClient> {
    if (this.#ended) return Promise.reject(new Error('Cannot use a pool after calling end on the pool'))
    return Promise.resolve(new PgliteClient(this.#session, this.#searchPath))
  }

  /** Takes no more statements and waits for those under way. The PGlite itself is closed by whoever opened it. */
  async end(): Promise<void> {
    this.#ended = true
    if (this.#running > 0) {
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve
      })
    }
  }
}

/** One borrower of the session. Emits `notification` for the channels it has sent LISTEN for, as a connection of its own would. */
export class PgliteClient extends EventEmitter {
  readonly searchPath: string
  readonly #session: PgliteSession
  readonly #channels = new Set<string>()
  #unsubscribe: (() => void) | undefined
  #released = false
  #pending = 0

  constructor(session: PgliteSession, searchPath: string) {
    super()
    this.#session = session
    this.searchPath = searchPath
  }

  async query<R = QueryResultRow>(query: PgliteQuery, values?: readonly unknown[]): Promise<PgliteResult<R>> {
    if (this.#released) throw new Error('Client was released and cannot be used any more')
    const statement = statementOf(query, values)
    const listening = statement.text.length < 400 ? subscriptionOf(statement.text) : undefined
    if (listening !== undefined) this.#subscribe(listening)
    // UNLISTEN ends here: the session goes on listening for its other users, and an unheard notification costs nothing.
    if (listening?.verb === 'UNLISTEN') statement.text = 'SELECT 1 WHERE false'
    this.#pending += 1
    try {
      return (await this.#session.submit(this, statement)) as PgliteResult<R>
    } finally {
      this.#pending -= 1
    }
  }

  /** An open transaction is rolled back: a forgotten one would stop every other user of the one session. */
  release(_destroy?: boolean | Error): void {
    if (this.#released) return
    this.#released = true
    this.#unsubscribe?.()
    this.#channels.clear()
    if (this.#session.holds(this) || this.#pending > 0)
      this.#session.submit(this, { text: 'ROLLBACK' }).catch(() => undefined)
  }

  #subscribe({ verb, channel }: Subscription): void {
    if (verb === 'LISTEN') this.#channels.add(channel)
    else if (channel === '*') this.#channels.clear()
    else this.#channels.delete(channel)
    this.#unsubscribe ??= this.#session.onNotification((notification) => {
      if (this.#channels.has(notification.channel)) this.emit('notification', notification)
    })
  }
}

interface Subscription {
  readonly verb: 'LISTEN' | 'UNLISTEN'
  readonly channel: string
}

/** BullMQ's LISTEN stands behind several lines of comment: they are skipped before the verb is read. */
const subscriptionPattern =
  /^(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*(UNLISTEN|LISTEN)\s+("(?:[^"]|"")+"|[\w$]+|\*)\s*;?\s*$/i

function subscriptionOf(text: string): Subscription | undefined {
  const match = subscriptionPattern.exec(text)
  const [verb, name] = [match?.[1], match?.[2]]
  if (verb === undefined || name === undefined) return undefined
  const channel = name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name.toLowerCase()
  return { verb: verb.toUpperCase() === 'LISTEN' ? 'LISTEN' : 'UNLISTEN', channel }
}

function statementOf(
  query: PgliteQuery,
  values: readonly unknown[] | undefined,
): { -readonly [K in keyof Statement]: Statement[K] } {
  if (typeof query === 'string') return { text: query, values }
  return { text: query.text, values: values ?? query.values, rowMode: query.rowMode }
}
