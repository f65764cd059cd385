import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { request } from 'undici'
import { openDatabase } from '../src/db/connect.ts'
import { migrate } from '../src/db/migrate.ts'
import { createRouterKey, openKeyDigest } from '../src/db/router-keys.ts'
import { createLog } from '../src/log.ts'
import { createSealer } from '../src/seal.ts'
import { startPostgres } from '../test/support/postgres.ts'
import { freePort } from '../test/support/processes.ts'
import { type Measured, startNode, startProgram, until } from './processes.ts'

/** Something that answers OpenAI's requests: the provider itself, or a router before it. */
export interface Contender {
  /** With `/v1` at its end. */
  readonly origin: string
  readonly headers: Readonly<Record<string, string>>
  readonly model: string
  readonly speechModel: string
  readonly measured: Measured
}

export interface Routers {
  readonly direct: Contender
  readonly ours: Contender
  readonly portkey: Contender
  stop(): Promise<void>
}

const secretKey = 'a secret of the bench, long enough'
const beside = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/** A provider that answers at once, our router as it ships before it, on Postgres of its own, and Portkey's gateway from npm before it. */
export async function startRouters(): Promise<Routers> {
  const stops: (() => Promise<unknown>)[] = []
  const stop = async () => {
    for (const one of stops.splice(0).reverse()) await one()
  }
  try {
    const provider = startNode(beside('router-upstream-process.ts'), [])
    stops.push(provider.stop)
    const { port } = await provider.answer<{ port: number }>()
    const url = `http://127.0.0.1:${port}/v1`
    const named = { model: 'bench', speechModel: 'whisper' }
    return {
      direct: { origin: url, headers: {}, ...named, measured: provider },
      ours: await startOurs(url, stops),
      portkey: { ...(await startPortkey(url, stops)), ...named },
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function startOurs(url: string, stops: (() => Promise<unknown>)[]): Promise<Contender> {
  const postgres = await startPostgres({ own: true })
  stops.push(postgres.stop)
  const folder = await mkdtemp(join(tmpdir(), 'callsift-bench-'))
  stops.push(() => rm(folder, { recursive: true, force: true }))
  const settings = join(folder, 'router.json')
  const named = { model: 'bitrix/bench', speechModel: 'bitrix/whisper' }
  await writeFile(
    settings,
    JSON.stringify({
      upstreams: { bench: { baseUrl: url } },
      models: [
        { id: named.model, upstream: 'bench' },
        { id: named.speechModel, kind: 'transcription', upstream: 'bench' },
      ],
    }),
  )
  const { db, close } = await openDatabase({ databaseUrl: postgres.url }, createLog('silent'))
  await migrate(db)
  const { key } = await createRouterKey(db, await openKeyDigest(db, createSealer(secretKey)), {
    tenant: 'bench',
    name: 'bench',
    kind: 'api',
    scopes: ['vibe:ai'],
    perSecond: 100_000,
    tokensPerDay: null,
    budgetMicros: null,
    expiresAt: null,
  })
  await close()
  const port = await freePort()
  const measured = startProgram(['router', '--port', String(port)], {
    HOME: folder,
    CALLSIFT_DATA: folder,
    CALLSIFT_SECRET_KEY: secretKey,
    CALLSIFT_LOG_LEVEL: 'warn',
    CALLSIFT_ROUTER_CONFIG: settings,
    DATABASE_URL: postgres.url,
  })
  stops.push(measured.stop)
  await answers(`http://127.0.0.1:${port}/livez`)
  return { origin: `http://127.0.0.1:${port}/v1`, headers: { authorization: `Bearer ${key}` }, ...named, measured }
}

async function startPortkey(url: string, stops: (() => Promise<unknown>)[]) {
  const port = await freePort()
  const program = fileURLToPath(import.meta.resolve('@portkey-ai/gateway/build/start-server.js'))
  const measured = startNode(program, [`--port=${port}`, '--headless'], { NODE_ENV: 'production' })
  stops.push(measured.stop)
  await answers(`http://127.0.0.1:${port}/`)
  const headers = { authorization: 'Bearer bench', 'x-portkey-provider': 'openai', 'x-portkey-custom-host': url }
  return { origin: `http://127.0.0.1:${port}/v1`, headers, measured }
}

async function answers(url: string): Promise<void> {
  await until(async () => {
    const answer = await request(url)
    await answer.body.dump()
    return answer.statusCode === 200
  }, url)
}
