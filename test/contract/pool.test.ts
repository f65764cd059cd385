import { PGlite } from '@electric-sql/pglite'
import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createPglitePool, type PglitePool } from '../../src/db/pglite-pool.ts'
import { createClosers, freshDatabase } from '../support/stores.ts'

const database = await freshDatabase('pool contract on Postgres')
const { add: later, closeAll } = createClosers()
afterAll(closeAll)

const kinds: readonly { kind: 'postgres' | 'pglite'; missing: boolean }[] = [
  { kind: 'postgres', missing: database === undefined },
  { kind: 'pglite', missing: false },
]

for (const { kind, missing } of kinds) {
  describe.skipIf(missing)(`a pool on ${kind}`, () => {
    let pool: pg.Pool

    beforeAll(async () => {
      if (kind === 'postgres') {
        const server = new pg.Pool({ connectionString: database?.url ?? '' })
        later(() => server.end())
        pool = server
      } else {
        const pglite = await PGlite.create()
        later(() => pglite.close())
        // kysely's type also wants cursors, which nothing here uses.
        pool = createPglitePool(pglite) as unknown as pg.Pool
      }
      await pool.query(
        'CREATE TABLE entry (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, word text UNIQUE NOT NULL)',
      )
    })

    test('values go in and come back as node-postgres has them', async () => {
      const at = new Date('2026-03-29T00:30:00.123Z')
      const { rows, rowCount, command, fields } = await pool.query(
        `SELECT $1::int8 AS big, $2::numeric AS exact, $3::timestamptz AS at, $4::bytea AS bytes, $5::jsonb AS json, $6::text[] AS words,
                $7::bool AS truth, $8::float8 AS real, $9::int4 AS small, $10::text AS nothing, $11::int8[] AS bigs, '{}'::jsonb AS empty`,
        [
          '9007199254740993',
          '1.50',
          at,
          Buffer.from([0, 255, 10]),
          { a: [1, 'я'] },
          ['x', 'y"z', 'ё\\'],
          true,
          0.1,
          7,
          null,
          [1, 2],
        ],
      )
      expect(rows).toEqual([
        {
          big: '9007199254740993',
          exact: '1.50',
          at,
          bytes: Buffer.from([0, 255, 10]),
          json: { a: [1, 'я'] },
          words: ['x', 'y"z', 'ё\\'],
          truth: true,
          real: 0.1,
          small: 7,
          nothing: null,
          bigs: ['1', '2'],
          empty: {},
        },
      ])
      expect({ rowCount, command, first: fields[0]?.name, type: fields[0]?.dataTypeID }).toEqual({
        rowCount: 1,
        command: 'SELECT',
        first: 'big',
        type: 20,
      })
      const [row] = rows
      expect(Buffer.isBuffer(row?.['bytes'])).toBe(true)
    })

    test('a result says what it did and to how many rows', async () => {
      const inserted = await pool.query('INSERT INTO entry (word) SELECT unnest($1::text[])', [['one', 'two', 'three']])
      expect([inserted.command, inserted.rowCount, inserted.rows]).toEqual(['INSERT', 3, []])
      const deleted = await pool.query("DELETE FROM entry WHERE word = 'three' RETURNING word")
      expect([deleted.command, deleted.rowCount, deleted.rows]).toEqual(['DELETE', 1, [{ word: 'three' }]])
      const both = (await pool.query('SELECT 1 AS a; SELECT 2 AS b')) as unknown as pg.QueryResult[]
      expect(both.map((result) => result.rows)).toEqual([[{ a: 1 }], [{ b: 2 }]])
    })

    test('errors carry the code, the detail and the constraint', async () => {
      await pool.query("INSERT INTO entry (word) VALUES ('taken')")
      const error = await pool
        .query('INSERT INTO entry (word) VALUES ($1)', ['taken'])
        .catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(pg.DatabaseError)
      expect(error).toMatchObject({
        code: '23505',
        constraint: 'entry_word_key',
        table: 'entry',
        detail: 'Key (word)=(taken) already exists.',
      })
      await expect(pool.query('SELECT nonsense')).rejects.toMatchObject({ code: '42703' })
      expect((await pool.query('SELECT 1 AS fine')).rows).toEqual([{ fine: 1 }])
    })

    test('kysely: a transaction is alone with what it wrote, and a failed one leaves nothing', async () => {
      const db = new Kysely<{ entry: { id: string; word: string } }>({
        dialect: new PostgresDialect({ pool }),
      })
      const words = async () =>
        (await db.selectFrom('entry').select('word').where('word', 'like', 'tx-%').orderBy('word').execute()).map(
          (row) => row.word,
        )
      const gate = Promise.withResolvers<void>()
      const wrote = Promise.withResolvers<void>()
      const first = db.transaction().execute(async (tx) => {
        await sql`insert into entry (word) values ('tx-kept')`.execute(tx)
        wrote.resolve()
        await gate.promise
      })
      await wrote.promise
      const second = db.transaction().execute(async (tx) => {
        await sql`insert into entry (word) values ('tx-undone')`.execute(tx)
        throw new Error('changed its mind')
      })
      // Heard at once: it may fail before the first one has been waited for, and a failure that nobody has heard yet ends the run.
      const undone = expect(second).rejects.toThrow('changed its mind')
      const seen = words()
      gate.resolve()
      await first
      await undone
      expect(['', 'tx-kept']).toContain((await seen).join())
      expect(await words()).toEqual(['tx-kept'])
      expect(
        (
          await db
            .insertInto('entry')
            .values({ word: 'tx-more' } as { id: string; word: string })
            .executeTakeFirst()
        ).numInsertedOrUpdatedRows,
      ).toBe(1n)
    })

    test('a notification reaches those who listen, once its transaction commits, and nobody else', async () => {
      const [listener, stranger, sender] = [await pool.connect(), await pool.connect(), await pool.connect()]
      const heard: (string | undefined)[] = []
      const strange: unknown[] = []
      let arrived = () => {}
      listener.on('notification', (message: pg.Notification) => {
        heard.push(`${message.channel}:${message.payload}`)
        arrived()
      })
      stranger.on('notification', (message: pg.Notification) => strange.push(message))
      await listener.query('-- said first\n/* and\nsecond */ LISTEN news;\n')
      await stranger.query('LISTEN "Other News"')
      await sender.query('BEGIN')
      await sender.query("SELECT pg_notify('news', 'undone')")
      await sender.query('ROLLBACK')
      const { promise, resolve } = Promise.withResolvers<void>()
      arrived = resolve
      await sender.query('BEGIN')
      await sender.query('SELECT pg_notify($1, $2)', ['news', 'done'])
      expect(heard).toEqual([])
      await sender.query('COMMIT')
      await promise
      expect(heard).toEqual(['news:done'])
      expect(strange).toEqual([])
      for (const client of [listener, stranger, sender]) client.release(true)
    })
  })
}

describe('a pool on pglite, whose users share one session', () => {
  let pool: PglitePool

  beforeAll(async () => {
    const pglite = await PGlite.create()
    later(() => pglite.close())
    pool = createPglitePool(pglite)
  })

  test('whoever begins a transaction has the session until its end; the others come in their order', async () => {
    await pool.query('CREATE SEQUENCE turn')
    // The session itself counts who was served when: promises settle in an order of their own.
    const turn = async (from: Pick<PglitePool, 'query'>) =>
      Number((await from.query<{ nextval: string }>("SELECT nextval('turn')")).rows[0]?.nextval)
    const [first, second] = [await pool.connect(), await pool.connect()]
    await first.query('BEGIN')
    const [single, begun] = [turn(pool), second.query('BEGIN')]
    const [secondTurn, last] = [turn(second), turn(pool)]
    expect(await turn(first)).toBe(1)
    expect(await turn(first)).toBe(2)
    const commit = first.query('COMMIT')
    expect(await single).toBe(3)
    await Promise.all([commit, begun])
    expect(await secondTurn).toBe(4)
    await second.query('ROLLBACK')
    expect(await last).toBe(5)
    first.release()
    second.release()
  })

  test('a client released within a transaction does not stop the others', async () => {
    const forgetful = await pool.connect()
    await forgetful.query('BEGIN')
    forgetful.release()
    expect((await pool.query('SELECT 2 AS two')).rows).toEqual([{ two: 2 }])
    await expect(forgetful.query('SELECT 1')).rejects.toThrow('released')
    await expect(pool.query('BEGIN')).rejects.toThrow('rolled back')
    expect((await pool.query('SELECT 3 AS three')).rows).toEqual([{ three: 3 }])
  })

  test('a search_path belongs to its pool', async () => {
    const other = pool.withSearchPath('elsewhere')
    const path = async (from: Pick<PglitePool, 'query'>) =>
      (await from.query<{ search_path: string }>('SHOW search_path')).rows[0]?.search_path
    expect([await path(other), await path(pool), await path(other)]).toEqual([
      'elsewhere',
      '"$user", public',
      'elsewhere',
    ])
    await other.query('SET search_path TO somewhere')
    expect([await path(pool), await path(other)]).toEqual(['"$user", public', 'elsewhere'])
    const client = await other.connect()
    await client.query('BEGIN')
    await client.query('SET LOCAL search_path TO nowhere')
    expect(await path(client)).toBe('nowhere')
    await client.query('COMMIT')
    client.release()
    expect([await path(pool), await path(other)]).toEqual(['"$user", public', 'elsewhere'])
  })

  test('a long run of statements leaves room for timers', async () => {
    let ticks = 0
    const timer = setInterval(() => {
      ticks += 1
    }, 1)
    const startedAt = performance.now()
    while (performance.now() - startedAt < 300) await pool.query('SELECT 1')
    clearInterval(timer)
    expect(ticks).toBeGreaterThan(5)
  })

  test('after end and after close, a statement is refused with words', async () => {
    const pglite = await PGlite.create()
    const closing = createPglitePool(pglite)
    const left = createPglitePool(pglite)
    await closing.query('SELECT 1')
    await closing.end()
    await expect(closing.query('SELECT 1')).rejects.toThrow('after calling end')
    await pglite.close()
    await expect(left.query('SELECT 1')).rejects.toThrow('gave no answer')
  })
})
