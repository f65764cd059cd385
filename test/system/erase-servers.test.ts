import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findOperation } from '../../src/ops/index.ts'
import { runOperation } from '../../src/ops/operation.ts'
import { scanBytes } from '../support/byte-scan.ts'
import { needsPrograms } from '../support/needs.ts'
import { startPostgres } from '../support/postgres.ts'
import type { StoreServer } from '../support/processes.ts'
import { type Program, startProgram } from '../support/program.ts'
import { startRedis } from '../support/redis.ts'
import { createClosers } from '../support/stores.ts'

const phrase = 'кенгуровый сиреневый бульдозер'
const number = '79035550142'
const needles = [phrase, number, '555-01-42', '…0142']
const speech = `Клиент: Нам нужно тридцать мест. Запомните: ${phrase}. Мой телефон +7 903 555-01-42. Бюджет согласован.`

// Their files are read, so they have to be this machine's own.
const own = await needsPrograms('an erasure in the files of Postgres and Redis', ['postgres', 'initdb', 'redis-server'])

describe.skipIf(own === null)('E7 an erasure on servers', () => {
  const closers = createClosers()
  let postgres: StoreServer
  let redis: StoreServer
  let on: Program
  beforeAll(async () => {
    postgres = await startPostgres({ own: true })
    closers.add(() => postgres.stop())
    redis = await startRedis({ own: true })
    closers.add(() => redis.stop())
    const env = { DATABASE_URL: postgres.url, REDIS_URL: redis.url }
    on = await startProgram({ timings: { dispatchTickMs: 100 }, env })
    closers.add(() => on.close())
  })
  afterAll(() => closers.closeAll())

  async function takeCalls(count: number): Promise<void> {
    const [recording] = await on.sandbox.world.sound.recordings()
    const common = {
      portal: on.portal.id,
      entity: 'deal' as const,
      sendEvent: false,
      hearAs: speech,
      phone: `+${number}`,
    }
    const runs: string[] = []
    for (let n = 0; n < count; n += 1) {
      const call = await on.sandbox.addCall({
        ...common,
        ...(recording === undefined ? {} : { recordingId: recording.id }),
      })
      const accepted = await on.app.intake.accept({
        portalId: on.portal.id,
        source: 'event',
        callRef: call.callId,
        phone: call.phone,
        startedAt: new Date(Date.now() - 60_000),
        masked: { callRef: call.callId, phone: '…0142' },
      })
      runs.push(accepted.runId)
    }
    on.app.engine.kick()
    await on.until(async () => {
      const states = await on.app.db.selectFrom('callsift.runs').select('state').where('id', 'in', runs).execute()
      return states.every((run) => run.state === 'done')
    }, 60_000)
  }
  const checkpoint = () => sql`checkpoint`.execute(on.app.db)
  const inTables = async () =>
    (await scanBytes(postgres.folder ?? '', needles)).filter((found) => !found.includes('/pg_wal/'))
  const inLog = async () => await scanBytes(`${postgres.folder}/pg_wal`, needles)

  test('leaves no byte in the tables of Postgres; Redis never had one, not even in its append-only file', async () => {
    await takeCalls(5)
    await checkpoint()
    expect(await inTables()).not.toEqual([])
    expect(await inLog()).not.toEqual([])
    expect((await scanBytes(redis.folder ?? '', ['bull'])).length).toBeGreaterThan(0)
    expect(await scanBytes(redis.folder ?? '', needles)).toEqual([])

    const operation = findOperation('call.erase')
    if (operation === undefined) throw new Error('no operation call.erase')
    const input = { phone: '8 (903) 555-01-42', rewrite: true }
    const act = await runOperation(on.app, operation, input, { actor: 'test', role: 'admin' })
    expect(act).toMatchObject({ calls: 5, stillRunning: 0, filesRewritten: true, notCleared: [] })
    await checkpoint()
    expect(await inTables()).toEqual([])
    expect(await scanBytes(redis.folder ?? '', needles)).toEqual([])
    expect(await scanBytes(on.app.config.dataDir, needles)).toEqual([])
  })

  test("nor in Postgres's log of changes, once its segments are not put aside for reuse, as the page says", async () => {
    await sql`alter system set wal_recycle = off`.execute(on.app.db)
    await sql`select pg_reload_conf()`.execute(on.app.db)
    for (let round = 0; round < 2; round += 1) {
      await sql`select pg_switch_wal()`.execute(on.app.db)
      await checkpoint()
    }
    await on.until(async () => (await inLog()).length === 0, 10_000)
    expect(await inTables()).toEqual([])
  })
})
