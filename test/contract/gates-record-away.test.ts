import { afterEach, describe, expect, it } from 'vitest'
import { type Connection, openDatabase } from '../../src/db/connect.ts'
import { migrate } from '../../src/db/migrate.ts'
import { type Closing, createGates, type Gates } from '../../src/engine/gates.ts'
import { createSlots } from '../../src/engine/slots.ts'
import type { Failure } from '../../src/wire/errors.ts'
import { createGuard } from '../../workers/guard.ts'
import { startLine } from '../faults/harness/line.ts'
import { eventually, openRecord, type RecordBench, silentLog, timingsOf } from '../support/engine-bench.ts'
import { startPostgres } from '../support/postgres.ts'
import { createClosers, freshDatabase } from '../support/stores.ts'

const roomy = { perMinute: 60_000, perSecond: 1_000 }
const closing = (forMs: number | null): Closing => ({
  forMs,
  class: 'rate_limited',
  message: 'asked to wait',
  hint: 'Nothing to do.',
})
const refused = { status: 429, headers: { 'x-ratelimit-limit': '300' } }
const failure: Failure = {
  class: 'rate_limited',
  outcome: 'later',
  scope: 'key',
  needsPerson: false,
  doubt: false,
  waitMs: 60_000,
  message: 'asked to wait',
  hint: 'Nothing to do.',
}

const bench = await openRecord('postgres', 'refusals heard while the record is away')
describe.skipIf(bench === undefined)('refusals heard while the record is away', () => {
  const closers = createClosers()
  afterEach(() => closers.closeAll())

  /** One process whose way to the record can be cut, and another one's gates. */
  const open = async () => {
    const { url, connect } = bench as RecordBench
    const line = await startLine(Number(new URL(url).port), () => 0.5)
    closers.add(() => line.close())
    const through = new URL(url)
    through.host = `127.0.0.1:${line.port}`
    const connection: Connection = await openDatabase({ databaseUrl: through.href }, silentLog)
    closers.add(() => connection.close())
    const gates = createGates(connection, roomy)
    const others = createGates(await connect(), roomy)
    return { line, connection, gates, others }
  }
  const openAgain = async (gates: Gates) => await gates.open('k1', 'key')

  it('hold in the process that heard them at once, and for all as soon as the record is back', async () => {
    const { line, gates, others } = await open()
    expect((await gates.pass('k1', ['ai'], 0)).kind).toBe('passed')
    line.set({ down: true })
    await gates.close('k1', 'key', closing(60_000))
    expect(await gates.pass('k1', ['ai'], 0)).toMatchObject({ kind: 'closed', gate: { class: 'rate_limited' } })
    expect(await gates.closed('k1', ['crm'])).toMatchObject({ name: 'key' })
    expect(await others.closed('k1', ['ai'])).toBeNull()
    line.heal()
    await eventually(async () => (await others.closed('k1', ['ai'])) !== null)
    const told = await others.closed('k1', ['ai'])
    // As long as it was told of, counted from when it was heard.
    expect(told?.opensInMs).toBeGreaterThan(30_000)
    expect(told?.opensInMs).toBeLessThan(60_000)
    await openAgain(others)
    // Nothing is held on to once it was told: an operator's "fixed it" counts.
    await eventually(() => gates.untold('k1', ['ai']) === null)
    expect(await gates.closed('k1', ['ai'])).toBeNull()
  })

  it('are not told any more when their time is over, and a longer one is not shortened by a later, shorter one', async () => {
    const { line, gates, others } = await open()
    line.set({ down: true })
    await gates.close('k1', 'ai', closing(100))
    await gates.close('k1', 'crm', closing(null))
    await gates.close('k1', 'crm', closing(100))
    expect(gates.untold('k1', ['crm'])).toMatchObject({ opensInMs: null })
    await eventually(() => gates.untold('k1', ['ai']) === null)
    line.heal()
    await eventually(async () => (await others.closed('k1', ['crm'])) !== null)
    expect(await others.closed('k1', ['ai'])).toBeNull()
    expect((await others.closed('k1', ['crm']))?.opensInMs).toBeNull()
    await others.open('k1', 'crm')
  })

  it('are told before any other process sends again: whoever lost the record too rests first', async () => {
    const { line, gates, others } = await open()
    const { url } = bench as RecordBench
    const second = await startLine(Number(new URL(url).port), () => 0.5)
    closers.add(() => second.close())
    const through = new URL(url)
    through.host = `127.0.0.1:${second.port}`
    const connection = await openDatabase({ databaseUrl: through.href }, silentLog)
    closers.add(() => connection.close())
    const cutOffToo = createGates(connection, roomy)
    expect((await cutOffToo.pass('k1', ['ai'], 0)).kind).toBe('passed')
    expect((await gates.pass('k1', ['ai'], 0)).kind).toBe('passed')
    for (const one of [line, second]) one.set({ down: true })
    await gates.close('k1', 'key', closing(60_000))
    // The record is back for both in the same moment, and the other one asks at once, as often as it can.
    for (const one of [line, second]) one.heal()
    let first: unknown = null
    while (first === null) first = await cutOffToo.pass('k1', ['ai'], 0).catch(() => null)
    expect(first).toMatchObject({ kind: 'closed', gate: { name: 'key' } })
    await openAgain(others)
  })

  it('close their gate although neither the slot nor the rate that came with them can be written', async () => {
    const { line, connection, gates, others } = await open()
    const guard = createGuard({
      db: connection.looseDb,
      gates,
      slots: createSlots(connection.looseDb, (ms) => new Promise((resolve) => setTimeout(resolve, ms).unref())),
      timings: timingsOf(),
      keyId: 'k1',
      portalId: 'p1',
      claim: null,
      workerId: 'outside',
      random: () => 0.5,
      onClosed: () => undefined,
      noteRequest: () => undefined,
    })
    const permit = await guard.enter({ family: 'crm' })
    line.set({ down: true })
    await permit.leave({ ...refused, failure }).catch(() => undefined)
    await expect(guard.enter({ family: 'ai' })).rejects.toMatchObject({ name: 'Blocked', class: 'rate_limited' })
    line.heal()
    await eventually(async () => (await others.closed('k1', ['ai'])) !== null)
    await openAgain(others)
  })
})

const server = await freshDatabase('a gate that was closed just before the database crashed')
describe.skipIf(server === undefined)('a gate that was closed just before the database crashed', () => {
  const closers = createClosers()
  afterEach(() => closers.closeAll())

  it('F33: is closed when the database is back', async () => {
    const postgres = await startPostgres({ own: true })
    closers.add(() => postgres.stop())
    const open = async () => {
      const connection = await openDatabase({ databaseUrl: postgres.url }, silentLog)
      closers.add(() => connection.close())
      return connection
    }
    const before = await open()
    await migrate(before.db)
    const gates = createGates(before, roomy)
    await gates.pass('k1', ['ai'], 0)
    await gates.close('k1', 'key', closing(60_000))
    await postgres.kill?.()
    await postgres.restart?.()
    expect(await createGates(await open(), roomy).closed('k1', ['ai'])).toMatchObject({ class: 'rate_limited' })
  })
})
