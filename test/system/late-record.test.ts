import { rm } from 'node:fs/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { openDatabase } from '../../src/db/connect.ts'
import { createLog } from '../../src/log.ts'
import { type Line, startLine } from '../faults/harness/line.ts'
import { makeDataFolder } from '../support/data-folder.ts'
import { endAll, isLive, launch, until } from '../support/launch.ts'
import { freePort } from '../support/processes.ts'
import { createClosers, freshDatabase } from '../support/stores.ts'

const what = 'a start while the database is away'
const database = await freshDatabase(what)

describe.skipIf(database === undefined)(what, () => {
  const closers = createClosers()
  afterEach(() => closers.closeAll())

  /** A verb that begins while nobody answers at its database's address. */
  const begin = async (verb: readonly string[], env: Record<string, string> = {}) => {
    const url = new URL(database?.url ?? '')
    const line: Line = await startLine(Number(url.port), () => 0.5)
    closers.add(() => line.close())
    line.set({ down: true })
    url.host = `127.0.0.1:${line.port}`
    const dataDir = await makeDataFolder()
    closers.add(() => rm(dataDir, { recursive: true, force: true }))
    const program = launch(verb, {
      CALLSIFT_DATA: dataDir,
      CALLSIFT_SECRET_KEY: 'a secret of the tests, long enough',
      DATABASE_URL: url.href,
      ...env,
    })
    closers.add(() => endAll([program]))
    return { line, program }
  }
  const waiting = (program: { said(): string }) =>
    until(() => program.said().includes('The database does not answer; waiting for it'), program.said)

  test('F33: serve and work wait for it, say so once, and go on by themselves', async () => {
    const port = await freePort()
    const [serve, work] = [await begin(['serve', '--http-only', '--port', String(port)]), await begin(['work'])]
    for (const { program } of [serve, work]) await waiting(program)
    for (const { line } of [serve, work]) line.heal()
    await until(() => isLive(`http://127.0.0.1:${port}`), serve.program.said)
    const { db, close } = await openDatabase({ databaseUrl: database?.url ?? '' }, createLog('silent'))
    closers.add(close)
    await until(
      async () => (await db.selectFrom('callsift.workers').select('id').execute()).length > 0,
      work.program.said,
    )
    for (const { program } of [serve, work]) {
      program.child.kill('SIGTERM')
      expect((await program.ended).code).toBe(0)
      expect(program.said().match(/waiting for it/g)).toHaveLength(1)
    }
  }, 90_000)

  test('a start that waits ends at once when it is asked to', async () => {
    const { program } = await begin(['work'])
    await waiting(program)
    const askedAt = performance.now()
    program.child.kill('SIGTERM')
    expect((await program.ended).code).toBe(0)
    expect(performance.now() - askedAt).toBeLessThan(5_000)
  }, 60_000)

  test.each(['serve', 'work', 'router'])(
    '%s gives up after its time, says what does not answer, and ends with 69',
    async (verb) => {
      const { program } = await begin([verb], {
        CALLSIFT_TIMINGS: JSON.stringify({ recordWaitMs: 2_000 }),
        CALLSIFT_PORT: '0',
      })
      expect((await program.ended).code).toBe(69)
      expect(program.said()).toContain('No connection: ')
      expect(program.said()).toContain('Check DATABASE_URL')
    },
    60_000,
  )
})
