import { afterEach, describe, expect, it } from 'vitest'
import { openDatabase } from '../../src/db/connect.ts'
import { migrate } from '../../src/db/migrate.ts'
import { finishStep } from '../../src/engine/finish.ts'
import { createGates } from '../../src/engine/gates.ts'
import { createSlots } from '../../src/engine/slots.ts'
import { createGuard } from '../../workers/guard.ts'
import {
  addPortal,
  claimOne,
  newWorker,
  readRun,
  readSteps,
  silentLog,
  startRun,
  timingsOf,
} from '../support/engine-bench.ts'
import { testRegistry } from '../support/engine-workflows.ts'
import { startPostgres } from '../support/postgres.ts'
import { createClosers, freshDatabase } from '../support/stores.ts'

const registry = testRegistry()
const timings = timingsOf({ requestDeadlineMs: 30_000 })
const server = await freshDatabase('an attempt whose database crashed under its request')

describe.skipIf(server === undefined)('an attempt whose database crashed under its request', () => {
  const closers = createClosers()
  afterEach(() => closers.closeAll())

  it('F35: is still the one, and what it has bought is stored', async () => {
    // Loose commits reach the disk with the next one that waits for it, or when the log's writer comes by: here, not in time.
    const postgres = await startPostgres({ own: true, settings: ['-c', 'wal_writer_delay=10s'] })
    closers.add(() => postgres.stop())
    const open = async () => {
      const connection = await openDatabase({ databaseUrl: postgres.url }, silentLog)
      closers.add(() => connection.close())
      return connection
    }
    const { db, looseDb } = await open()
    await migrate(db)
    await addPortal(db, 'p1', 'k1')
    const workerId = await newWorker(db)
    const runId = await startRun(db, registry, 'lone', {})
    const claim = await claimOne(looseDb, runId, workerId)
    const guard = createGuard({
      db,
      looseDb,
      gates: createGates({ db, looseDb }, { perMinute: 60_000, perSecond: 1_000 }),
      slots: createSlots(looseDb, (ms) => new Promise((resolve) => setTimeout(resolve, ms))),
      timings,
      keyId: 'k1',
      portalId: 'p1',
      claim,
      workerId,
      random: () => 0.5,
      onClosed: () => undefined,
      noteRequest: () => undefined,
    })
    await guard.enter({ family: 'ai', model: 'm' })
    // Without a crash all of it would hold by itself.
    expect(postgres.kill).toBeDefined()
    await postgres.kill?.()
    await postgres.restart?.()

    const after = (await open()).db
    expect((await readSteps(after, runId))[0]).toMatchObject({ state: 'running', fence: 1 })
    const outcome = { kind: 'value' as const, output: { bought: 1 }, inputHash: 'h' }
    await finishStep({ db: after, registry, timings, random: () => 0.5 }, claim, outcome)
    expect(await readRun(after, runId)).toMatchObject({ state: 'done' })
  })
})
