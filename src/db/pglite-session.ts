import { createRequire } from 'node:module'
import { type PGlite, protocol } from '@electric-sql/pglite'
import pg, { type QueryResult } from 'pg'

const { Parser, serialize, messages } = protocol

/** node-postgres' own encoder: a Date, an array or an object reaches PGlite as the same text it would reach a server as. */
const { prepareValue } = createRequire(import.meta.url)('pg/lib/utils') as {
  prepareValue(value: unknown): string | Uint8Array | null
}

/** How long statements may follow one another before timers and sockets get their turn: PGlite runs on the event loop itself. */
const maxTurnMs = 10

export interface Statement {
  readonly text: string
  readonly values?: readonly unknown[] | undefined
  readonly rowMode?: 'array' | undefined
}

export interface SessionNotification {
  readonly channel: string
  readonly payload: string
  readonly processId: number
}

/** Whoever sends statements: a pooled client, or the pool itself for a single statement. */
export interface SessionUser {
  readonly searchPath: string
}

interface Task {
  readonly user: SessionUser
  readonly statement: Statement
  readonly resolve: (result: QueryResult) => void
  readonly reject: (error: unknown) => void
}

/**
 * PGlite is one Postgres session. This runs the statements of many users on it: one that has begun a transaction holds the session until
 * the transaction ends, and the others wait in order. Speaks the wire protocol, one synchronous round per statement, so that a statement
 * costs no promise chain, and parses rows with node-postgres' own classes, so that callers see no difference to a server.
 */
export class PgliteSession {
  readonly #pglite: PGlite
  readonly #waiting: Task[] = []
  readonly #held: Task[] = []
  readonly #listeners = new Set<(notification: SessionNotification) => void>()
  #holder: SessionUser | undefined
  #searchPath: string | undefined
  #turnStartedAt = 0
  #resuming = false
  #draining = false
  #lastFault: unknown

  constructor(pglite: PGlite) {
    this.#pglite = pglite
  }

  onNotification(listener: (notification: SessionNotification) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Whether this user has an open transaction. */
  holds(user: SessionUser): boolean {
    return this.#holder === user
  }

  submit(user: SessionUser, statement: Statement): Promise<QueryResult> {
    return new Promise((resolve, reject) => {
      const task: Task = { user, statement, resolve, reject }
      ;(this.#holder === user ? this.#held : this.#waiting).push(task)
      this.#drain()
    })
  }

  #drain(): void {
    // A caller may submit from within a run (a type parser, a notice): the loop below picks that task up.
    if (this.#draining || this.#resuming) return
    this.#draining = true
    try {
      for (;;) {
        const queue = this.#holder === undefined ? this.#waiting : this.#held
        if (queue.length === 0) return
        if (this.#turnIsOver()) return
        const task = queue.shift()
        if (task !== undefined) this.#perform(task)
      }
    } finally {
      this.#draining = false
    }
  }

  #turnIsOver(): boolean {
    const now = performance.now()
    if (this.#turnStartedAt === 0) {
      this.#turnStartedAt = now
      setImmediate(() => {
        this.#turnStartedAt = 0
        if (!this.#resuming) return
        this.#resuming = false
        this.#drain()
      })
      return false
    }
    if (now - this.#turnStartedAt < maxTurnMs) return false
    this.#resuming = true
    return true
  }

  #perform(task: Task): void {
    try {
      const { result, error, status } = this.#run(task.user, task.statement)
      this.#follow(task.user, status)
      if (error !== undefined) task.reject(error)
      else task.resolve(result)
    } catch (error) {
      // A trap inside the WASM, or a closed PGlite: whatever was open is gone with it. Its own error arrives a microtask later.
      this.#follow(task.user, 'I')
      queueMicrotask(() => {
        if (error instanceof PgliteSilent) error.cause = this.#lastFault
        task.reject(error)
      })
    }
  }

  #follow(user: SessionUser, status: string): void {
    if (status === 'I') {
      this.#holder = undefined
      // What the holder sent after its COMMIT stands before those who waited: they were sent as one sequence.
      if (this.#held.length > 0) this.#waiting.unshift(...this.#held.splice(0))
    } else if (this.#holder !== user) {
      this.#holder = user
      for (let index = 0; index < this.#waiting.length; ) {
        const task = this.#waiting[index]
        if (task?.user === user) this.#held.push(...this.#waiting.splice(index, 1))
        else index += 1
      }
    }
  }

  #run(user: SessionUser, statement: Statement): { result: QueryResult; error: Error | undefined; status: string } {
    const outgoing: Uint8Array[] = []
    // One session has one search_path. Whose turn it is sets its own first; inside a transaction it was set before BEGIN.
    let skip = 0
    if (this.#holder === undefined && this.#searchPath !== user.searchPath) {
      outgoing.push(serialize.query(`SET search_path TO ${user.searchPath}`))
      skip = 1
    }
    const { text, values } = statement
    if (values === undefined || values.length === 0) outgoing.push(serialize.query(text))
    else {
      outgoing.push(serialize.parse({ text }), serialize.bind({ values: values.map((value) => encode(value)) }))
      outgoing.push(serialize.describe({ type: 'P' }), serialize.execute({}), serialize.sync())
    }

    const results: pg.Result[] = []
    let current = newResult(statement)
    let fresh = true
    let error: Error | undefined
    let status: string | undefined
    const notifications: SessionNotification[] = []
    const parser = new Parser()
    for (const bytes of this.#exchange(outgoing)) {
      parser.parse(bytes, (message) => {
        if (message instanceof messages.ReadyForQueryMessage) {
          if (skip > 0) {
            this.#searchPath = error === undefined ? user.searchPath : undefined
            skip -= 1
          }
          status = message.status
        } else if (message instanceof messages.NotificationResponseMessage) {
          notifications.push({ channel: message.channel, payload: message.payload, processId: message.processId })
        } else if (message instanceof messages.DatabaseError) error ??= asPgError(message)
        else if (skip > 0) return
        else if (message instanceof messages.RowDescriptionMessage) {
          current.addFields(
            message.fields.map((field) => ({ ...field, format: field.format === 0 ? 'text' : 'binary' })),
          )
          fresh = false
        } else if (message instanceof messages.DataRowMessage) current.addRow(current.parseRow(message.fields))
        else if (message instanceof messages.CommandCompleteMessage) {
          current.addCommandComplete({ text: message.text })
          if (/^(SET|RESET|DISCARD)/.test(message.text)) this.#searchPath = undefined
          results.push(current as pg.Result)
          current = newResult(statement)
          fresh = true
        } else if (message.name === 'emptyQuery' && fresh) results.push(current as pg.Result)
      })
    }
    if (notifications.length > 0) this.#announce(notifications)
    if (status === undefined) throw new PgliteSilent()
    // As node-postgres does: several statements in one text give an array of results.
    const result = (results.length > 1 ? results : (results[0] ?? current)) as QueryResult
    return { result, error, status }
  }

  /** Runs synchronously, although the method it calls is declared async: nothing is awaited in it when no file sync is asked for. */
  #exchange(outgoing: readonly Uint8Array[]): Uint8Array[] {
    const incoming: Uint8Array[] = []
    const done = this.#pglite.execProtocolRawStream(Buffer.concat(outgoing), {
      // The folder is written by synchronous file calls as the statement runs; there is nothing left to sync after it.
      syncToFs: false,
      // The bytes are a window into WASM memory that the next write moves: copied.
      onRawData: (bytes) => incoming.push(bytes.slice()),
    })
    done.catch((error: unknown) => {
      this.#lastFault = error
    })
    return incoming
  }

  /** After the statement's own promise: a listener that sends a statement must not do so in the middle of another. */
  #announce(notifications: readonly SessionNotification[]): void {
    queueMicrotask(() => {
      for (const notification of notifications) for (const listener of this.#listeners) listener(notification)
    })
  }
}

class PgliteSilent extends Error {
  override name = 'PgliteSilent'
  constructor() {
    super('PGlite gave no answer to a statement: it is closed or was aborted. Start the process again.')
  }
}

interface RowReader {
  addFields(fields: readonly { name: string; dataTypeID: number; format: string }[]): void
  parseRow(fields: readonly (string | null)[]): pg.QueryResultRow
  addRow(row: pg.QueryResultRow): void
  addCommandComplete(message: { text: string }): void
}

/** The class node-postgres builds its own answers with; its reading half is missing from its type. */
function newResult(statement: Statement): RowReader & pg.Result {
  return new pg.Result(statement.rowMode ?? '', pg.types) as RowReader & pg.Result
}

function encode(value: unknown): string | Uint8Array | null {
  return prepareValue(value)
}

function asPgError(message: InstanceType<typeof messages.DatabaseError>): Error {
  const { message: text, ...facts } = { ...message, message: message.message }
  return Object.assign(new pg.DatabaseError(text, message.length, 'error'), facts)
}
