import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { request } from 'undici'
import { type Connection, openDatabase } from '../../../src/db/connect.ts'
import { migrate } from '../../../src/db/migrate.ts'
import { savePortal } from '../../../src/db/portals.ts'
import { createLog } from '../../../src/log.ts'
import { createSealer } from '../../../src/seal.ts'
import { startPostgres } from '../../support/postgres.ts'
import { freePort, type StoreServer } from '../../support/processes.ts'
import { startRedis } from '../../support/redis.ts'
import { type Line, startLine } from './line.ts'
import { type Program, type ProgramOptions, startProgram } from './program.ts'
import { faultScale, scaledTimings } from './scale.ts'
import { until } from './until.ts'

/** What is put to the test: this program, or the naive pipeline that a careful reader of BullMQ's manual would write. */
export type Subject = 'callsift' | 'naive'

export interface SandboxPortal {
  readonly name: string
  readonly apiKey: string
  readonly memberId: string
  readonly applicationToken: string
  readonly domain: string
}

export interface BedOptions {
  readonly portals?: number
  readonly workers?: number
  /** Lines that a fault needs to hold in its hand. */
  readonly through?: readonly ('redis' | 'postgres' | 'upstream')[]
  /** Of the program's durations; `FAULT_SCALE` where not told. */
  readonly scale?: number
  readonly timings?: Record<string, unknown>
  readonly env?: Record<string, string>
  readonly workerEnv?: (worker: number) => Record<string, string>
  readonly nodeArgs?: readonly string[]
  readonly wrap?: readonly string[]
  readonly sandbox?: { readonly latencyMs?: number; readonly limitScale?: number }
  readonly redis?: { readonly settings?: readonly string[]; readonly folder?: string }
  readonly postgres?: { readonly folder?: string; readonly settings?: readonly string[] }
  /** Under this name the program knows the upstream, to have its look-ups in hand. */
  readonly upstreamName?: string
  /** The embedded record in one process, no servers. */
  readonly embedded?: boolean
  /** Nothing of the program is started yet. */
  readonly idle?: boolean
}

/** Everything of one fault: stores of its own, the sandbox, the program in its processes, and the lines between them. */
export interface Bed {
  readonly subject: Subject
  readonly scale: number
  readonly portals: readonly SandboxPortal[]
  readonly origin: string
  readonly redis: StoreServer
  readonly postgres: StoreServer
  readonly lines: { readonly redis: Line | null; readonly postgres: Line | null; readonly upstream: Line | null }
  readonly serve: Program
  readonly workers: readonly Program[]
  readonly programs: readonly Program[]
  readonly dataDir: string
  /** The record, over a line of the harness's own; null for the naive pipeline and for an embedded one. */
  readonly record: Connection | null
  readonly redisUrl: string
  /** Where Redis keeps its append-only file. */
  readonly redisFolder: string
  readonly environment: Readonly<Record<string, string>>
  control<Value = unknown>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<Value>
  launch(options: { name: string; args: readonly string[]; env?: Record<string, string> }): Program
  ready(): Promise<void>
  live(): Promise<boolean>
  close(): Promise<void>
}

const log = createLog('silent')
const secretKey = 'a secret of the faults, long enough'
const compiled = fileURLToPath(new URL('../../../dist/src/cli.js', import.meta.url))
const naive = fileURLToPath(new URL('../baseline/naive-process.ts', import.meta.url))
let seed = 20261126
/** mulberry32, so that the weather of a line is the same in every run. */
export function random(): number {
  seed = (seed + 0x6d2b79f5) >>> 0
  let mixed = Math.imul(seed ^ (seed >>> 15), seed | 1)
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
}

/** The words of each call: short, so that decoding is not what is measured, and told of as a minute, or it would be filtered. */
export const spoken = 'хочу купить'

export async function openBed(subject: Subject, options: BedOptions = {}): Promise<Bed> {
  const scale = options.scale ?? faultScale
  const closers: (() => unknown)[] = []
  const close = async () => {
    for (const one of closers.splice(0).reverse()) {
      try {
        await one()
      } catch (error) {
        process.stderr.write(`closing: ${error instanceof Error ? error.message : String(error)}\n`)
      }
    }
  }
  try {
    const dataDir = await mkdtemp(join(tmpdir(), 'callsift-faults-'))
    closers.push(() => rm(dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }))
    const redisFolder = options.redis?.folder ?? join(dataDir, 'redis')
    await mkdir(redisFolder, { recursive: true })
    const [redis, postgres] = await Promise.all([
      startRedis({ own: true, ...options.redis, folder: redisFolder }),
      startPostgres({ own: true, ...options.postgres }),
    ])
    closers.push(() => redis.stop())
    closers.push(() => postgres.stop())
    const openLine = async (kind: 'redis' | 'postgres' | 'upstream', port: number): Promise<Line | null> => {
      if (options.through?.includes(kind) !== true) return null
      const proxy = await startLine(port, random)
      closers.push(() => proxy.close())
      return proxy
    }
    const throughLine = (url: string, line: Line | null) => {
      if (line === null) return url
      const changed = new URL(url)
      changed.host = `127.0.0.1:${line.port}`
      return changed.href
    }
    const sandboxPort = await freePort()
    const lines = {
      redis: await openLine('redis', Number(new URL(redis.url).port)),
      postgres: await openLine('postgres', Number(new URL(postgres.url).port)),
      upstream: await openLine('upstream', sandboxPort),
    }
    const upstreamUrl = `http://${options.upstreamName ?? '127.0.0.1'}:${lines.upstream?.port ?? sandboxPort}/v1`
    const sandboxOrigin = `http://127.0.0.1:${lines.upstream?.port ?? sandboxPort}`
    const sandbox = startProgram({
      name: 'sandbox',
      file: compiled,
      args: [
        'sandbox',
        ...['--port', String(sandboxPort), '--url', sandboxOrigin, '--portal', 'unused'],
        ...[
          '--latency',
          String(options.sandbox?.latencyMs ?? 30),
          '--scale',
          String(options.sandbox?.limitScale ?? 100),
        ],
      ],
      env: { CALLSIFT_LOG_LEVEL: 'silent' },
      secrets: [],
    })
    closers.push(() => sandbox.kill())
    const control = async <Value>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<Value> => {
      const answer = await request(`http://127.0.0.1:${sandboxPort}/__sandbox${path}`, {
        method,
        headers: { 'content-type': 'application/json' },
        body: body === undefined ? null : JSON.stringify(body),
      })
      const said = (await answer.body.json()) as Value
      if (answer.statusCode !== 200) throw new Error(`${method} ${path}: ${JSON.stringify(said)}`)
      return said
    }
    await until(
      () => control('GET', ''),
      () => `the sandbox: ${sandbox.said()}`,
      30_000,
    )
    const portals: SandboxPortal[] = []
    for (let n = 0; n < (options.portals ?? 20); n += 1)
      portals.push(await control('POST', '/portals', { name: `portal-${n}` }))

    const port = await freePort()
    const origin = `http://127.0.0.1:${port}`
    const redisUrl = throughLine(redis.url, lines.redis)
    const servers = { DATABASE_URL: throughLine(postgres.url, lines.postgres), REDIS_URL: redisUrl }
    const environment: Record<string, string> = {
      HOME: dataDir,
      TMPDIR: dataDir,
      CALLSIFT_DATA: dataDir,
      CALLSIFT_PORT: String(port),
      CALLSIFT_SECRET_KEY: secretKey,
      CALLSIFT_LANGUAGE: 'auto',
      CALLSIFT_LOG_LEVEL: 'info',
      CALLSIFT_RATE_PER_MINUTE: '30000',
      CALLSIFT_RATE_PER_SECOND: '1000',
      CALLSIFT_TIMINGS: JSON.stringify({ ...scaledTimings(scale), ...options.timings }),
      ...(options.embedded === true ? {} : servers),
      ...options.env,
    }
    let record: Connection | null = null
    if (subject === 'callsift') {
      const where = options.embedded === true ? { dataDir } : { databaseUrl: postgres.url }
      const opened = await openDatabase(where, log)
      await migrate(opened.db)
      for (const portal of portals) {
        await savePortal(opened.db, createSealer(secretKey), {
          id: portal.name,
          memberId: portal.memberId,
          domain: portal.domain,
          name: portal.name,
          baseUrl: upstreamUrl,
          apiKey: portal.apiKey,
          applicationToken: portal.applicationToken,
          writeEnabled: true,
          sandbox: true,
        })
      }
      // An embedded record has one owner at a time.
      if (options.embedded === true) await opened.close()
      else {
        record = opened
        closers.push(() => opened.close())
      }
    } else {
      environment['NAIVE_PORTALS'] = JSON.stringify(portals.map(({ memberId, apiKey }) => ({ memberId, apiKey })))
      environment['NAIVE_UPSTREAM'] = upstreamUrl
      environment['NAIVE_PORT'] = String(port)
      environment['NAIVE_SCALE'] = String(scale)
    }
    const programs: Program[] = []
    const secrets = [
      secretKey,
      spoken,
      ...portals.flatMap((portal) => [portal.apiKey, portal.applicationToken]),
    ].filter((one) => one.length >= 8)
    const launch: Bed['launch'] = ({ name, args, env }) => {
      const started: ProgramOptions = {
        name,
        file: subject === 'callsift' ? compiled : naive,
        args,
        env: { ...environment, ...env },
        ...(options.nodeArgs === undefined ? {} : { nodeArgs: options.nodeArgs }),
        ...(options.wrap === undefined ? {} : { wrap: options.wrap }),
        secrets,
      }
      const program = startProgram(started)
      programs.push(program)
      closers.push(() => program.kill())
      return program
    }
    const live = async () => {
      const answer = await request(`${origin}/livez`, { headersTimeout: 2_000 })
      await answer.body.dump()
      return answer.statusCode === 200
    }
    const workers: Program[] = []
    const wanted = options.embedded === true ? 0 : (options.workers ?? 2)
    let serve: Program | undefined
    if (options.idle !== true) {
      serve = launch({
        name: 'serve',
        args: options.embedded === true || subject === 'naive' ? ['serve'] : ['serve', '--http-only'],
      })
      for (let n = 0; n < wanted; n += 1)
        workers.push(launch({ name: `work ${n + 1}`, args: ['work'], env: options.workerEnv?.(n) ?? {} }))
    }
    const bed: Bed = {
      subject,
      scale,
      portals,
      origin,
      redis,
      postgres,
      lines,
      get serve() {
        if (serve === undefined) throw new Error('this bed is idle')
        return serve
      },
      workers,
      programs,
      dataDir,
      record,
      redisUrl: redis.url,
      redisFolder,
      environment,
      control,
      launch,
      live,
      ready: async () => {
        await until(live, () => `serve: ${serve?.said() ?? ''}`, 60_000)
        if (record === null || wanted === 0) return
        const { db } = record
        await until(
          async () => (await db.selectFrom('callsift.workers').select('id').execute()).length >= wanted,
          () => `the workers: ${workers.map((one) => one.said()).join('\n')}`,
          60_000,
        )
      },
      close,
    }
    if (options.idle !== true) await bed.ready()
    return bed
  } catch (error) {
    await close()
    throw error
  }
}
