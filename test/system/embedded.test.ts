import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { request } from 'undici'
import { afterEach, expect, test } from 'vitest'
import { createLog } from '../../src/log.ts'
import { startSandbox } from '../../src/sandbox/sandbox.ts'
import { freePort } from '../support/processes.ts'
import { createClosers } from '../support/stores.ts'

const calls = 30
const timings = {
  heartbeatMs: 600,
  workerTtlMs: 2_000,
  permitMs: 500,
  sweepMs: 500,
  lostJobMs: 2_000,
  doubtWaitMs: 3_000,
  recordingLadderMs: [500, 1_000, 2_000],
  reconcileMs: 3_000,
}

const closers = createClosers()
afterEach(() => closers.closeAll())

test('three variables and one process: kill -9 while calls come in loses none and writes none twice', async () => {
  const sandbox = await startSandbox({ log: createLog('silent'), limits: { scale: 100 } })
  closers.add(() => sandbox.close())
  const portal = sandbox.addPortal({ name: 'embedded' })
  const dataDir = await mkdtemp(join(tmpdir(), 'callsift-embedded-'))
  closers.add(() => rm(dataDir, { recursive: true, force: true }))
  const port = await freePort()
  const env = {
    PATH: process.env['PATH'] ?? '',
    CALLSIFT_DATA: dataDir,
    CALLSIFT_PORT: String(port),
    CALLSIFT_LANGUAGE: 'auto',
    CALLSIFT_RATE_PER_MINUTE: '30000',
    CALLSIFT_RATE_PER_SECOND: '1000',
    CALLSIFT_TIMINGS: JSON.stringify(timings),
    VIBECODE_BASE_URL: sandbox.url,
    VIBECODE_API_KEY: portal.key.value,
    BITRIX24_MEMBER_ID: portal.memberId,
    BITRIX24_APP_TOKEN: portal.applicationToken,
  }
  let said = ''
  const launch = (): ChildProcess => {
    const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli.ts', 'serve'], {
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    child.stderr?.on('data', (piece: Buffer) => {
      said = (said + piece.toString()).slice(-4_000)
    })
    return child
  }
  let service = launch()
  const killed = async () => {
    const gone = new Promise((resolve) => service.once('exit', resolve))
    service.kill('SIGKILL')
    await gone
  }
  closers.add(killed)

  const post = async (form: string): Promise<boolean> => {
    try {
      const answer = await request(`http://127.0.0.1:${port}/webhooks/bitrix24`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: form,
      })
      await answer.body.dump()
      return answer.statusCode === 200
    } catch {
      return false
    }
  }
  const up = async () => {
    const deadline = performance.now() + 40_000
    for (;;) {
      const live = await request(`http://127.0.0.1:${port}/livez`).then(
        async (answer) => {
          await answer.body.dump()
          return answer.statusCode === 200
        },
        () => false,
      )
      if (live) return
      if (performance.now() > deadline) throw new Error(`the service did not come up: ${said}`)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }

  await up()
  const startedAt = Date.now() + 1_000
  const rung = await sandbox.addCalls({
    count: calls,
    portals: ['embedded'],
    entity: 'deal',
    sendEvent: false,
    startedAt,
  })
  for (const batch of [0, 1, 2]) {
    for (const call of rung.slice(batch * 10, batch * 10 + 10)) await post(call.eventForm)
    await killed()
    service = launch()
    await up()
  }
  const entries = () => sandbox.effects(0, 'timeline-log')
  const deadline = performance.now() + 90_000
  while (entries().length < calls && performance.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 200))
  const deals = entries().map((entry) => String(entry.detail['entityId']))
  expect(deals.length, said).toBe(calls)
  expect(new Set(deals).size).toBe(calls)
}, 240_000)
