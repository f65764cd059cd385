import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { request } from 'undici'
import { type Connection, openDatabase } from '../src/db/connect.ts'
import { migrate } from '../src/db/migrate.ts'
import { savePortal } from '../src/db/portals.ts'
import { createLog } from '../src/log.ts'
import { createSealer } from '../src/seal.ts'
import { createDatabase, startPostgres } from '../test/support/postgres.ts'
import { freePort, type StoreServer } from '../test/support/processes.ts'
import { startRedis } from '../test/support/redis.ts'
import { type Measured, startProgram, until } from './processes.ts'

const secretKey = 'a secret of the bench, long enough'
const log = createLog('silent')

/** Stores of the bench's own, as production has them: Postgres with fsync, Redis with its append-only file. */
export interface Stores {
  readonly postgres: StoreServer
  readonly redis: StoreServer
  stop(): Promise<void>
}

export async function startStores(): Promise<Stores> {
  const [postgres, redis] = await Promise.all([startPostgres({ own: true }), startRedis({ own: true })])
  return {
    postgres,
    redis,
    stop: async () => {
      await redis.stop()
      await postgres.stop()
    },
  }
}

interface SandboxPortal {
  readonly name: string
  readonly apiKey: string
  readonly memberId: string
  readonly applicationToken: string
  readonly domain: string
}

export interface SandboxProcess {
  readonly process: Measured
  readonly portals: readonly SandboxPortal[]
  readonly apiUrl: string
  control<Value>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<Value>
}

/** The upstream in a process of its own: its limits `scale` times the documented ones. */
export async function startSandboxProcess(
  portals: number,
  latencyMs: number,
  hearingMsPerMinute = 0,
  scale = 100,
): Promise<SandboxProcess> {
  const port = await freePort()
  const args = [
    'sandbox',
    '--port',
    String(port),
    '--latency',
    String(latencyMs),
    '--hearing',
    String(hearingMsPerMinute),
    '--scale',
    String(scale),
    '--portal',
    'unused',
  ]
  const process = startProgram(args, { CALLSIFT_LOG_LEVEL: 'silent' })
  const origin = `http://127.0.0.1:${port}`
  const control = async <Value>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<Value> => {
    const answer = await request(`${origin}/__sandbox${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      body: body === undefined ? null : JSON.stringify(body),
    })
    const said = (await answer.body.json()) as Value
    if (answer.statusCode !== 200) throw new Error(`${method} ${path}: ${JSON.stringify(said)}`)
    return said
  }
  await until(() => control('GET', ''), 'the sandbox')
  const made: SandboxPortal[] = []
  for (let n = 0; n < portals; n += 1) made.push(await control('POST', '/portals', { name: `portal-${n}` }))
  return { process, portals: made, apiUrl: `${origin}/v1`, control }
}

export interface Installation {
  readonly serve: Measured
  readonly workers: readonly Measured[]
  readonly origin: string
  readonly databaseUrl: string | undefined
  /** From the command until `/livez` answers, ms. */
  readonly startedMs: number
  /** The record; embedded only after the program has ended, which this sees to. */
  record(): Promise<Connection>
  stop(): Promise<void>
}

/** The compiled program on stores of its own: `serve --http-only` and so many `work`, or embedded in one process. */
export async function install(options: {
  stores: Stores | null
  redisUrl?: string
  workers: number
  sandbox: Pick<SandboxProcess, 'portals' | 'apiUrl'>
  environment?: Record<string, string>
}): Promise<Installation> {
  const { stores } = options
  const dataDir = await mkdtemp(join(tmpdir(), 'callsift-bench-'))
  const database = stores === null ? null : await createDatabase(stores.postgres.url)
  const where = database === null ? { dataDir } : { databaseUrl: database.url }
  const connection = await openDatabase(where, log)
  await migrate(connection.db)
  for (const portal of options.sandbox.portals) {
    await savePortal(connection.db, createSealer(secretKey), {
      id: portal.name,
      memberId: portal.memberId,
      domain: portal.domain,
      name: portal.name,
      baseUrl: options.sandbox.apiUrl,
      apiKey: portal.apiKey,
      applicationToken: portal.applicationToken,
      writeEnabled: true,
      sandbox: true,
    })
  }
  await connection.close()
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const environment = {
    HOME: dataDir,
    CALLSIFT_DATA: dataDir,
    CALLSIFT_PORT: String(port),
    CALLSIFT_SECRET_KEY: secretKey,
    CALLSIFT_LANGUAGE: 'auto',
    CALLSIFT_LOG_LEVEL: 'warn',
    // So many steps of a queue at once in each process: enough that the pipeline, not its places, is what is measured.
    CALLSIFT_CONCURRENCY: '20',
    CALLSIFT_AI_CONCURRENCY: '20',
    CALLSIFT_RATE_PER_MINUTE: '30000',
    CALLSIFT_RATE_PER_SECOND: '1000',
    ...(database === null ? {} : { DATABASE_URL: database.url }),
    ...(stores === null ? {} : { REDIS_URL: options.redisUrl ?? stores.redis.url }),
    ...options.environment,
  }
  const startedAt = performance.now()
  const serve = startProgram(stores === null ? ['serve'] : ['serve', '--http-only'], environment)
  const workers = Array.from({ length: options.workers }, () => startProgram(['work'], environment))
  await until(async () => {
    const answer = await request(`${origin}/livez`)
    await answer.body.dump()
    return answer.statusCode === 200
  }, 'the service')
  const startedMs = performance.now() - startedAt
  const opened: Connection[] = []
  return {
    serve,
    workers,
    origin,
    databaseUrl: database?.url,
    startedMs,
    record: async () => {
      // An embedded record has one owner at a time.
      if (database === null) await serve.stop()
      const again = opened[0] ?? (await openDatabase(where, log))
      opened[0] = again
      return again
    },
    stop: async () => {
      await Promise.all([serve, ...workers].map((one) => one.stop()))
      for (const one of opened) await one.close()
      await database?.drop()
      await rm(dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
    },
  }
}
