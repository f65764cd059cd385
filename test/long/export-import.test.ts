import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterEach, describe, expect, test } from 'vitest'
import { openDatabase } from '../../src/db/connect.ts'
import { createLog } from '../../src/log.ts'
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts'
import { endAll, isLive, launch, postEvent, type ServiceOfTest, until } from '../support/launch.ts'
import { freePort } from '../support/processes.ts'
import { createClosers, freshDatabase } from '../support/stores.ts'

const calls = 30
const log = createLog('silent')
const timings = {
  heartbeatMs: 600,
  workerTtlMs: 2_000,
  permitMs: 500,
  sweepMs: 500,
  lostJobMs: 2_000,
  doubtWaitMs: 3_000,
  recordingLadderMs: [300, 500, 1_000],
  reconcileMs: 600_000,
}

const what = 'a move between an embedded record and Postgres'
const postgres = await freshDatabase(what)
await postgres?.drop()

const closers = createClosers()
afterEach(() => closers.closeAll())

interface Place {
  readonly env: Record<string, string>
  readonly dataDir: string
  start(): Promise<ServiceOfTest>
  run(args: readonly string[], more?: Record<string, string>): Promise<{ code: number | null; said: string }>
  origin: string
}

async function newSandbox(): Promise<{ sandbox: Sandbox; portal: Record<string, string> }> {
  const sandbox = await startSandbox({ log, limits: { scale: 100 } })
  closers.add(() => sandbox.close())
  const portal = sandbox.addPortal({ name: 'mover' })
  return {
    sandbox,
    portal: {
      VIBECODE_BASE_URL: sandbox.url,
      VIBECODE_API_KEY: portal.key.value,
      BITRIX24_MEMBER_ID: portal.memberId,
      BITRIX24_APP_TOKEN: portal.applicationToken,
    },
  }
}

/** A folder (and a database) of its own to run the program on. */
async function newPlace(portal: Record<string, string>, databaseUrl?: string): Promise<Place> {
  const dataDir = await mkdtemp(join(tmpdir(), 'callsift-move-'))
  closers.add(() => rm(dataDir, { recursive: true, force: true }))
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const env: Record<string, string> = {
    CALLSIFT_DATA: dataDir,
    CALLSIFT_PORT: String(port),
    CALLSIFT_LANGUAGE: 'auto',
    CALLSIFT_CONCURRENCY: '2',
    CALLSIFT_AI_CONCURRENCY: '2',
    CALLSIFT_DRAIN_SECONDS: '0',
    CALLSIFT_RATE_PER_MINUTE: '30000',
    CALLSIFT_RATE_PER_SECOND: '1000',
    CALLSIFT_DEV: '1',
    CALLSIFT_TIMINGS: JSON.stringify(timings),
    ...(databaseUrl === undefined ? {} : { DATABASE_URL: databaseUrl }),
    ...portal,
  }
  const services: ServiceOfTest[] = []
  closers.add(() => endAll(services))
  return {
    env,
    dataDir,
    origin,
    start: async () => {
      const service = launch(['serve'], env)
      services.push(service)
      await until(() => isLive(origin), service.said)
      return service
    },
    run: async (args, more = {}) => {
      const one = launch(args, { ...env, ...more })
      services.push(one)
      const { code } = await one.ended
      return { code, said: one.said() }
    },
  }
}

async function newDatabase(): Promise<string> {
  const database = await freshDatabase(what)
  if (database === undefined) throw new Error('the store was there a moment ago')
  closers.add(() => database.drop())
  return database.url
}

const ring = (sandbox: Sandbox) =>
  sandbox.addCalls({
    count: calls,
    portals: ['mover'],
    entity: 'deal',
    sendEvent: false,
    startedAt: Date.now() + 1_000,
  })
const entries = (sandbox: Sandbox) => sandbox.effects(0, 'timeline-log')

function expectOneEach(sandbox: Sandbox, count: number, said: string): void {
  const deals = entries(sandbox).map((entry) => String(entry.detail['entityId']))
  expect(deals.length, said).toBe(count)
  expect(new Set(deals).size).toBe(count)
}

/** Takes 30 calls in, and stops in their middle: some written, some under way. */
async function stopInTheMiddle(place: Place, sandbox: Sandbox): Promise<void> {
  const service = await place.start()
  for (const call of await ring(sandbox)) expect(await postEvent(place.origin, call.eventForm)).toBe(200)
  await until(() => entries(sandbox).length >= 5, service.said)
  service.child.kill('SIGTERM')
  expect(await service.ended, service.said()).toEqual({ code: 0, signal: null })
  expect(entries(sandbox).length).toBeLessThan(calls)
}

async function finish(place: Place, sandbox: Sandbox, count: number): Promise<void> {
  const service = await place.start()
  await until(
    () => entries(sandbox).length >= count,
    () => `${entries(sandbox).length} of ${count}\n${service.said()}`,
    90_000,
  )
  service.child.kill('SIGTERM')
  await service.ended
  expectOneEach(sandbox, count, service.said())
}

describe.skipIf(postgres === undefined)(what, () => {
  test('in the middle of 30 calls: every call one entry, none twice; and back again', async () => {
    const { sandbox, portal } = await newSandbox()
    const old = await newPlace(portal)
    await stopInTheMiddle(old, sandbox)
    const file = join(old.dataDir, 'move.ndjson')
    const exported = await old.run(['export', file])
    expect(exported.code, exported.said).toBe(0)
    expect((await stat(file)).mode & 0o777).toBe(0o600)

    const server = await newPlace(portal, await newDatabase())
    const imported = await server.run(['import', file, '--json'])
    expect(imported.code, imported.said).toBe(0)
    expect(imported.said).toContain('"calls": 30')
    await finish(server, sandbox, calls)

    // Back, while the server's record stands as it is: everything is done there, and stays done.
    const again = join(server.dataDir, 'back.ndjson')
    expect((await server.run(['export', again])).code).toBe(0)
    const back = await newPlace(portal)
    expect((await back.run(['import', again])).code).toBe(0)
    const service = await back.start()
    const [extra] = await sandbox.addCalls({ count: 1, portals: ['mover'], entity: 'deal', sendEvent: false })
    expect(await postEvent(back.origin, extra?.eventForm ?? '')).toBe(200)
    await until(() => entries(sandbox).length > calls, service.said)
    expectOneEach(sandbox, calls + 1, service.said())
  }, 240_000)

  test('from Postgres in the middle, by a pipe, with steps that a killed worker held', async () => {
    const { sandbox, portal } = await newSandbox()
    const databaseUrl = await newDatabase()
    const server = await newPlace(portal, databaseUrl)
    const service = await server.start()
    for (const call of await ring(sandbox)) await postEvent(server.origin, call.eventForm)
    await until(() => entries(sandbox).length >= 5, service.said)
    // Killed: its steps stand as running, and perhaps a write as sent.
    service.child.kill('SIGKILL')
    await service.ended
    const file = join(server.dataDir, 'killed.ndjson')
    expect((await server.run(['export', file])).code).toBe(0)
    const held = (await readFile(file, 'utf8'))
      .split('\n')
      .filter((line) => /"state":"(running|dispatched)"/.test(line))
    expect(held.length).toBeGreaterThan(0)
    const embedded = await newPlace(portal)
    const fed = launch(['import', '-'], embedded.env, await readFile(file))
    expect((await fed.ended).code, fed.said()).toBe(0)
    expect(fed.said()).toMatch(/Imported 30 calls .* [1-9]\d* steps that were under way/)
    await finish(embedded, sandbox, calls)
  }, 240_000)

  test('an older backup brought back writes nothing again that was written after it was taken', async () => {
    const { sandbox, portal } = await newSandbox()
    const databaseUrl = await newDatabase()
    const server = await newPlace(portal, databaseUrl)
    await stopInTheMiddle(server, sandbox)
    const file = join(server.dataDir, 'yesterday.ndjson')
    expect((await server.run(['export', file])).code).toBe(0)
    await finish(server, sandbox, calls)

    const asked = await server.run(['import', file, '--replace'])
    expect(asked.code).toBe(64)
    expect(asked.said).toContain('--yes')
    const refused = await server.run(['import', file])
    expect(refused.code).toBe(78)
    expect(refused.said).toContain('not empty')
    const replaced = await server.run(['import', file, '--replace', '--yes'])
    expect(replaced.code, replaced.said).toBe(0)

    const { db, close } = await openDatabase({ databaseUrl }, log)
    closers.add(close)
    const service = await server.start()
    await until(async () => {
      const open = await db.selectFrom('callsift.runs').select('id').where('state', '=', 'running').execute()
      return open.length === 0
    }, service.said)
    expectOneEach(sandbox, calls, service.said())
    const found = await sql<{ n: number }>`select count(*)::int as n from callsift.steps
      where name = 'writeTimeline' and output->>'state' = 'found'`.execute(db)
    expect(found.rows[0]?.n).toBeGreaterThan(0)
  }, 240_000)
})

describe('an embedded record', () => {
  test('comes back byte for byte the same, with its secret key where that was asked for', async () => {
    const { sandbox, portal } = await newSandbox()
    const place = await newPlace(portal)
    await stopInTheMiddle(place, sandbox)
    const file = join(place.dataDir, 'one.ndjson')
    expect((await place.run(['export', file, '--with-secret-key'])).code).toBe(0)
    expect((await place.run(['export', file])).said).toContain('is there already')
    const secret = (await readFile(join(place.dataDir, 'secret.key'), 'utf8')).trim()
    const text = await readFile(file, 'utf8')
    expect(text.split('\n', 1)[0]).toContain(secret)
    expect(text).not.toContain(portal['VIBECODE_API_KEY'])

    const other = await newPlace({})
    const imported = await other.run(['import', file])
    expect(imported.code, imported.said).toBe(0)
    expect(imported.said).not.toContain('can not be opened')
    expect((await readFile(join(other.dataDir, 'secret.key'), 'utf8')).trim()).toBe(secret)
    const again = join(other.dataDir, 'two.ndjson')
    expect((await other.run(['export', again])).code).toBe(0)
    const still = (lines: string) =>
      lines
        .split('\n')
        .slice(1)
        .filter(
          (line) =>
            !/^\{"callsift":"end"|"state":"(ready|running|dispatched)"|"reconcile_lease_until"|^\{"key"/.test(line),
        )
    expect(still(await readFile(again, 'utf8'))).toEqual(still(text))

    // Without the key in the file, and with another one here, it says what is missing.
    const bare = join(place.dataDir, 'bare.ndjson')
    expect((await place.run(['export', bare])).code).toBe(0)
    expect(await readFile(bare, 'utf8')).not.toContain(secret)
    const third = await newPlace({})
    const warned = await third.run(['import', bare], { CALLSIFT_SECRET_KEY: 'quite another secret key' })
    expect(warned.code).toBe(0)
    expect(warned.said).toContain('CALLSIFT_SECRET_KEY')
    expect(warned.said).toContain('1 portals can not be opened')
  }, 180_000)

  test('is not exported or replaced under a running service, and a file that is not whole changes nothing', async () => {
    const { sandbox, portal } = await newSandbox()
    const place = await newPlace(portal)
    await stopInTheMiddle(place, sandbox)
    const whole = join(place.dataDir, 'whole.ndjson')
    expect((await place.run(['export', whole])).code).toBe(0)
    const bytes = await readFile(whole)
    const target = await newPlace({})
    const bad = async (name: string, content: Buffer | string) => {
      const path = join(target.dataDir, name)
      await writeFile(path, content)
      return await target.run(['import', path])
    }
    const lines = bytes.toString('utf8').split('\n')
    const changed = lines.map((line) =>
      line.includes('"member_id":') ? line.replace(/"name":"[^"]*"/, '"name":"else"') : line,
    )
    expect(changed).not.toEqual(lines)
    const newest = bytes.toString('utf8').replace(/"level":\d+/, '"level":999')
    for (const [refused, code, words] of [
      [await bad('half', bytes.subarray(0, bytes.length / 2)), 65, 'cut off'],
      [await bad('tailless', lines.slice(0, -2).join('\n')), 65, 'cut off'],
      [await bad('foreign', '{"name":"callsift","version":"1"}\n'), 65, 'no backup of Callsift'],
      [await bad('noise', Buffer.alloc(1_000_000, 7)), 65, 'no backup of Callsift'],
      [await bad('nothing', ''), 65, 'no backup of Callsift'],
      [await bad('changed', changed.join('\n')), 65, 'damaged'],
      [await bad('newest', newest), 78, 'schema level 999'],
      [await target.run(['import', '/nowhere/at/all']), 64, 'no file'],
    ] as const) {
      expect(refused.said).toContain(words)
      expect(refused.code, refused.said).toBe(code)
    }
    // Nothing of all that stands: the whole one goes in without --replace.
    const { code, said } = await target.run(['import', whole])
    expect(code, said).toBe(0)

    await place.start()
    const running = await place.run(['export', join(place.dataDir, 'running.ndjson')])
    expect(running.code).toBe(78)
    expect(running.said).toContain('in use by the service')
    expect((await place.run(['import', whole, '--replace', '--yes'])).code).toBe(78)
    expect((await readdir(place.dataDir)).filter((name) => name.includes('running'))).toEqual([])
    await truncate(whole)
  }, 240_000)
})
