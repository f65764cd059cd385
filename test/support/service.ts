import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { request } from 'undici'
import { loadConfig } from '../../src/config.ts'
import { openDatabase } from '../../src/db/connect.ts'
import { migrate } from '../../src/db/migrate.ts'
import { savePortal } from '../../src/db/portals.ts'
import { createLog } from '../../src/log.ts'
import { type Sandbox, type SandboxOptions, startSandbox } from '../../src/sandbox/sandbox.ts'
import { createSealer } from '../../src/seal.ts'
import { nodeOptions } from './node-options.ts'
import { freePort } from './processes.ts'

const secretKey = 'a secret of the tests, long enough'

export interface ServiceProcess {
  readonly name: string
  readonly args: readonly string[]
  child: ChildProcess
}

/** The program as a user runs it: `serve` and `work` as processes of their own, on real stores, against a sandbox in this process. */
export interface Service {
  readonly sandbox: Sandbox
  readonly origin: string
  readonly portals: readonly string[]
  readonly processes: readonly ServiceProcess[]
  readonly db: Awaited<ReturnType<typeof openDatabase>>['db']
  /** kill -9, then the same command again, as a supervisor would. */
  kill(process: ServiceProcess): Promise<void>
  restart(process: ServiceProcess): void
  /** Posts an event's form; true when it was accepted with 200. */
  post(form: string): Promise<boolean>
  ready(): Promise<void>
  close(): Promise<void>
}

export async function startService(options: {
  databaseUrl: string
  redisUrl?: string | undefined
  portals: number
  workers: number
  timings?: Record<string, unknown>
  env?: Record<string, string>
  sandbox?: Partial<SandboxOptions>
  /** `dist/`, with its own options of Node, instead of the sources: it is not compiled at each start. */
  compiled?: boolean
  /** The first process also works on what it takes in, as on a machine of its own. */
  serveWorks?: boolean
}): Promise<Service> {
  const dataDir = await mkdtemp(join(tmpdir(), 'callsift-service-'))
  const log = createLog('silent')
  const sandbox = await startSandbox({ log, limits: { scale: 100 }, ...options.sandbox })
  const port = await freePort()
  const environment: Record<string, string> = {
    PATH: process.env['PATH'] ?? '',
    HOME: dataDir,
    CALLSIFT_DATA: dataDir,
    CALLSIFT_PORT: String(port),
    CALLSIFT_SECRET_KEY: secretKey,
    CALLSIFT_LANGUAGE: 'auto',
    CALLSIFT_LOG_LEVEL: 'info',
    CALLSIFT_RATE_PER_MINUTE: '30000',
    CALLSIFT_RATE_PER_SECOND: '1000',
    CALLSIFT_TIMINGS: JSON.stringify(options.timings ?? {}),
    DATABASE_URL: options.databaseUrl,
    ...(options.redisUrl === undefined ? {} : { REDIS_URL: options.redisUrl }),
    ...options.env,
  }
  loadConfig(environment)
  const connection = await openDatabase({ databaseUrl: options.databaseUrl }, log)
  await migrate(connection.db)
  const portals: string[] = []
  for (let n = 0; n < options.portals; n += 1) {
    const made = sandbox.addPortal({ name: `portal-${n}` })
    portals.push(made.name)
    await savePortal(connection.db, createSealer(secretKey), {
      id: made.name,
      memberId: made.memberId,
      domain: made.domain,
      name: made.name,
      baseUrl: sandbox.url,
      apiKey: made.key.value,
      applicationToken: made.applicationToken,
      writeEnabled: true,
      sandbox: true,
    })
  }
  const logFile = createWriteStream(process.env['TEST_SERVICE_LOG'] ?? '/dev/null', { flags: 'a' })
  const program = options.compiled === true ? [...nodeOptions, 'dist/src/cli.js'] : ['--import', 'tsx', 'src/cli.ts']
  const launch = (args: readonly string[]): ChildProcess => {
    const child = spawn(process.execPath, [...program, ...args], {
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child.stdout?.pipe(logFile, { end: false })
    child.stderr?.pipe(logFile, { end: false })
    return child
  }
  const start = (name: string, args: readonly string[]): ServiceProcess => ({ name, args, child: launch(args) })
  const processes = [start('serve', options.serveWorks === true ? ['serve'] : ['serve', '--http-only'])]
  for (let n = 0; n < options.workers; n += 1) processes.push(start(`work ${n}`, ['work']))
  const origin = `http://127.0.0.1:${port}`
  const gone = (child: ChildProcess) =>
    new Promise<void>((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) resolve()
      else child.once('exit', () => resolve())
    })
  return {
    sandbox,
    origin,
    portals,
    processes,
    db: connection.db,
    kill: async (target) => {
      target.child.kill('SIGKILL')
      await gone(target.child)
    },
    restart: (target) => {
      target.child = launch(target.args)
    },
    post: async (form) => {
      try {
        const answer = await request(`${origin}/webhooks/bitrix24`, {
          method: 'POST',
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
          body: form,
          headersTimeout: 5_000,
        })
        await answer.body.dump()
        return answer.statusCode === 200
      } catch {
        return false
      }
    },
    ready: async () => {
      for (let look = 0; ; look += 1) {
        try {
          const answer = await request(`${origin}/livez`)
          await answer.body.dump()
          const alive = await connection.db.selectFrom('callsift.workers').select('id').execute()
          if (answer.statusCode === 200 && alive.length >= options.workers) return
        } catch {
          // not listening yet
        }
        if (look > 300) throw new Error('the service did not come up within 30 s')
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
    },
    close: async () => {
      for (const one of processes) one.child.kill('SIGKILL')
      await Promise.all(processes.map((one) => gone(one.child)))
      await connection.close()
      await sandbox.close()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}
