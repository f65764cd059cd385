import { mkdtemp, rm } from 'node:fs/promises'
import { createConnection, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { createLog } from '../../src/log.ts'
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts'
import { endAll, isLive, launch, postEvent, type ServiceOfTest, until } from '../support/launch.ts'
import { freePort } from '../support/processes.ts'
import { startRedis } from '../support/redis.ts'
import { createClosers, freshDatabase, sharedRedis } from '../support/stores.ts'

const what = 'a stop under load on Postgres and Redis'
const database = await freshDatabase(what)
const redis = await sharedRedis(what)
await database?.drop()

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
const calls = 150
/** So many come in before the stop is asked for, the rest while it goes on. */
const before = 90
const perSecond = 50
const activeSteps = 20
const drainSeconds = 4

const closers = createClosers()
afterEach(() => closers.closeAll())

interface Bed {
  readonly sandbox: Sandbox
  readonly origin: string
  launch(args: readonly string[]): ServiceOfTest
}

/** The program as a user starts it with one portal in the environment; `stores` are the servers' addresses. */
async function newBed(stores: Record<string, string>): Promise<Bed> {
  const sandbox = await startSandbox({ log: createLog('silent'), limits: { scale: 100 } })
  closers.add(() => sandbox.close())
  const portal = sandbox.addPortal({ name: 'stopped' })
  const dataDir = await mkdtemp(join(tmpdir(), 'callsift-stop-'))
  closers.add(() => rm(dataDir, { recursive: true, force: true }))
  const port = await freePort()
  const services: ServiceOfTest[] = []
  closers.add(() => endAll(services))
  const env = {
    CALLSIFT_DATA: dataDir,
    CALLSIFT_PORT: String(port),
    CALLSIFT_LANGUAGE: 'auto',
    CALLSIFT_SECRET_KEY: 'a secret of the tests, long enough',
    CALLSIFT_CONCURRENCY: '20',
    CALLSIFT_AI_CONCURRENCY: '20',
    CALLSIFT_DRAIN_SECONDS: String(drainSeconds),
    CALLSIFT_RATE_PER_MINUTE: '30000',
    CALLSIFT_RATE_PER_SECOND: '1000',
    CALLSIFT_TIMINGS: JSON.stringify(timings),
    VIBECODE_BASE_URL: sandbox.url,
    VIBECODE_API_KEY: portal.key.value,
    BITRIX24_MEMBER_ID: portal.memberId,
    BITRIX24_APP_TOKEN: portal.applicationToken,
    ...stores,
  }
  return {
    sandbox,
    origin: `http://127.0.0.1:${port}`,
    launch: (args) => {
      const service = launch(args, env)
      services.push(service)
      return service
    },
  }
}

const entries = (sandbox: Sandbox) => sandbox.effects(0, 'timeline-log')
const paid = (sandbox: Sandbox) => sandbox.requests().filter((one) => one.route === 'transcription')

/** A connection that is kept alive and asks nothing more. */
async function keepAlive(origin: string): Promise<{ socket: Socket; closed: Promise<void> }> {
  const { hostname, port } = new URL(origin)
  const socket = createConnection(Number(port), hostname)
  socket.on('error', () => undefined)
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  await new Promise<void>((resolve) => {
    socket.once('data', () => resolve())
    socket.write('GET /livez HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n')
  })
  return { socket, closed }
}

/** Sends events at a fixed rate until all are sent; what was answered 200, and what the rest heard. */
function pour(origin: string, forms: readonly string[]): { sent: () => number; done: Promise<(number | null)[]> } {
  const answers: Promise<number | null>[] = []
  const done = new Promise<(number | null)[]>((resolve) => {
    const timer = setInterval(() => {
      const form = forms[answers.length]
      if (form !== undefined) return void answers.push(postEvent(origin, form))
      clearInterval(timer)
      resolve(Promise.all(answers))
    }, 1_000 / perSecond)
  })
  return { sent: () => answers.length, done }
}

async function countRunning(origin: string): Promise<number> {
  const text = await (await fetch(`${origin}/metrics`)).text()
  const lines = text.split('\n').filter((line) => line.startsWith('callsift_steps_running'))
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
}

/** Steps that outlive the drain; each of them has sent its paid request, so it is sent once more. */
const tooLong = 3

async function stopUnderLoad(bed: Bed, options: { beside: boolean }): Promise<void> {
  const { sandbox, origin } = bed
  sandbox.addFault({ route: 'transcription', kind: 'slow', delayMs: 120_000, times: tooLong })
  sandbox.addFault({ route: 'transcription', kind: 'slow', delayMs: 3_000 })
  const service = bed.launch(['serve'])
  await until(() => isLive(origin), service.said)
  const rung = await sandbox.addCalls({ count: calls, portals: ['stopped'], entity: 'deal', sendEvent: false })
  const forms = rung.map((call) => call.eventForm)
  const idle = await keepAlive(origin)

  const poured = pour(origin, forms.slice(0, before))
  await until(
    async () => (await countRunning(origin)) >= activeSteps,
    () => `fewer than ${activeSteps} steps run\n${service.said()}`,
  )
  // New calls go on coming in while it stops.
  const more = pour(origin, forms.slice(before))
  await until(
    () => more.sent() >= 10,
    () => 'nothing is sent',
  )
  const beside = options.beside ? bed.launch(['work']) : null
  const stoppedAt = performance.now()
  service.child.kill('SIGTERM')
  const quiet = idle.closed.then(() => performance.now())
  await until(
    async () => (await postEvent(origin, forms[0] ?? '')) === null,
    () => 'it still takes connections',
    3_000,
  )
  const refusedAfterMs = performance.now() - stoppedAt
  const ended = await service.ended
  const stopMs = performance.now() - stoppedAt
  expect(ended, service.said()).toEqual({ code: 0, signal: null })
  expect(stopMs).toBeLessThan(drainSeconds * 1000 + 6_000)
  expect(await quiet).toBeLessThan(stoppedAt + stopMs - 500)
  expect(refusedAfterMs).toBeLessThan(3_000)
  // Whoever was not answered 200 was refused or told 503: nothing else.
  const answers = [...(await poured.done), ...(await more.done)]
  expect([...new Set(answers)].filter((one) => one !== 200 && one !== 503 && one !== null)).toEqual([])
  expect(answers.filter((one) => one !== 200).length).toBeGreaterThan(0)
  const paidByThen = paid(sandbox).length

  sandbox.clearFaults()
  const accepted = new Set(answers.flatMap((answer, index) => (answer === 200 ? [index] : []))).size
  expect(entries(sandbox).length).toBeLessThan(accepted)
  if (beside !== null) {
    // What was put back, and what was only taken in, is finished by the process that was there all the time.
    await until(
      () => entries(sandbox).length >= accepted,
      () => `${entries(sandbox).length} of ${accepted}\n${beside.said()}`,
    )
  }
  const next = bed.launch(['serve'])
  await until(() => isLive(origin), next.said)
  for (const form of forms) expect(await postEvent(origin, form)).toBe(200)
  await until(
    () => entries(sandbox).length >= calls,
    () => `${entries(sandbox).length} entries\n${next.said()}`,
    120_000,
  )
  const deals = entries(sandbox).map((entry) => String(entry.detail['entityId']))
  expect(deals).toHaveLength(calls)
  expect(new Set(deals).size).toBe(calls)
  // What ended within the drain was paid for once; only what outlived it was asked for again.
  expect(paid(sandbox).length).toBeLessThanOrEqual(calls + tooLong)
  expect(paidByThen).toBeGreaterThanOrEqual(activeSteps)
}

describe.skipIf(database === undefined || redis === undefined)(what, () => {
  test('ends in its time with 0, loses nothing, writes nothing twice, and the next process goes on', async () => {
    const fresh = await freshDatabase(what)
    const own = await startRedis({ own: true })
    closers.add(() => own.stop())
    closers.add(() => fresh?.drop())
    await stopUnderLoad(await newBed({ DATABASE_URL: fresh?.url ?? '', REDIS_URL: own.url }), { beside: true })
  }, 240_000)
})

describe('a stop under load of the embedded program', () => {
  test('ends in its time with 0, loses nothing, writes nothing twice, and goes on when it is started again', async () => {
    await stopUnderLoad(await newBed({}), { beside: false })
  }, 240_000)
})
