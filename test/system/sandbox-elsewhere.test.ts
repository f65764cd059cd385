import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { startService } from '../../src/cli/service.ts'
import { loadConfig } from '../../src/config.ts'
import { listPortals } from '../../src/db/portals.ts'
import { UsageError } from '../../src/errors.ts'
import { createLog } from '../../src/log.ts'
import { startSandbox } from '../../src/sandbox/sandbox.ts'
import { freePort } from '../support/processes.ts'
import { createClosers } from '../support/stores.ts'

const log = createLog('silent')
const folder = mkdtempSync(join(tmpdir(), 'callsift-elsewhere-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('serve with a sandbox that runs elsewhere', () => {
  const closers = createClosers()
  afterEach(() => closers.closeAll())

  const configFor = (sandboxUrl: string) =>
    loadConfig({ CALLSIFT_DATA: folder, CALLSIFT_PORT: '0', CALLSIFT_SANDBOX_URL: sandboxUrl })

  test('knows its portal before it says where events go, and takes the calls that ring', async () => {
    const sandbox = await startSandbox({ log })
    closers.add(() => sandbox.close())
    const service = await startService(configFor(`${sandbox.origin}/`), log)
    closers.add(() => service.close(1_000))

    expect(service.sandbox).toBeNull()
    const portal = sandbox.world.portal('sandbox')
    expect(portal.webhookUrl).toBe(`${service.url}/webhooks/bitrix24`)
    expect(await listPortals(service.app.db)).toMatchObject([
      { id: 'sandbox', memberId: portal.memberId, baseUrl: sandbox.url, sandbox: true, writeEnabled: true },
    ])
    await sandbox.addCall({ portal: 'sandbox', recordingId: 'ru-medium-clinic' })
    await expect.poll(() => sandbox.effects(0, 'timeline-log').length, { timeout: 30_000 }).toBe(1)
    expect(sandbox.world.deliveries.list.map((delivery) => delivery.status)).toEqual([200])
  })

  test('where nothing answers, it says so and ends with 69', async () => {
    const nobody = `http://127.0.0.1:${await freePort()}`
    const refused = await startService(configFor(nobody), log).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(UsageError)
    expect(refused).toMatchObject({ exitCode: 69, message: expect.stringContaining(nobody) })
  })

  test('links that it signs carry the address it was given', async () => {
    const sandbox = await startSandbox({ log, origin: 'http://sandbox.example:8788' })
    closers.add(() => sandbox.close())
    const portal = sandbox.addPortal({ name: 'acme' })
    expect(sandbox.url).toBe('http://sandbox.example:8788/v1')
    expect(sandbox.world.signFile(portal, 1)).toMatch(/^http:\/\/sandbox\.example:8788\/rest\//)
  })
})

describe('settings from files', () => {
  const path = join(folder, 'database-url')

  test('are read, and a value that is given itself goes before them', () => {
    writeFileSync(path, 'postgres://from-a-file/callsift\n')
    expect(loadConfig({ DATABASE_URL_FILE: path })).toMatchObject({
      hasDatabase: true,
      secrets: { databaseUrl: 'postgres://from-a-file/callsift' },
    })
    const both = loadConfig({ DATABASE_URL_FILE: path, DATABASE_URL: 'postgres://given/callsift' })
    expect(both.secrets.databaseUrl).toBe('postgres://given/callsift')
  })

  test('that are not there or empty are told with every other mistake', () => {
    writeFileSync(path, '\n')
    const wrong = () =>
      loadConfig({ DATABASE_URL_FILE: path, REDIS_URL_FILE: `${path}-not-there`, CALLSIFT_PORT: 'many' })
    expect(wrong).toThrow(/DATABASE_URL_FILE: .* is empty[\s\S]*REDIS_URL_FILE: .*ENOENT[\s\S]*CALLSIFT_PORT/)
  })
})
