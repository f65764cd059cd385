import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { startContainer } from './containers.ts'
import {
  accountForServers,
  findBinary,
  freePort,
  makeFolder,
  type Running,
  run,
  type StoreServer,
  StoreUnavailable,
  until,
} from './processes.ts'

/** A Postgres server: the one at TEST_DATABASE_URL, else a container, else a private cluster of the local binaries. `own: true` as for Redis. */
export async function startPostgres(
  options: {
    own?: boolean /** An empty folder of the server's account for its cluster; the server is a local one then. */
    folder?: string
    settings?: readonly string[]
  } = {},
): Promise<StoreServer> {
  const given = process.env['TEST_DATABASE_URL']
  if (given !== undefined && given !== '' && options.own !== true) {
    await ping(given)
    return { url: given, origin: 'TEST_DATABASE_URL', stop: async () => undefined }
  }
  const settings = ['-c', 'max_connections=300', '-c', 'shared_buffers=64MB', ...(options.settings ?? [])]
  const contained =
    options.folder !== undefined
      ? undefined
      : await startContainer({
          image: 'postgres:17',
          port: 5432,
          command: ['postgres', ...settings],
          environment: { POSTGRES_HOST_AUTH_METHOD: 'trust' },
          url: (host, port) => `postgres://postgres@${host}:${port}/postgres`,
          answers: ping,
        })
  if (contained !== undefined) return contained
  const [binary, initdb] = [findBinary('postgres'), findBinary('initdb')]
  if (binary === undefined || initdb === undefined)
    throw new StoreUnavailable('no postgres binaries, no container engine, no TEST_DATABASE_URL')

  const account = accountForServers()
  const folder = makeFolder('callsift-postgres-', account)
  const cluster = `${options.folder ?? folder.path}/data`
  // Durability of the empty cluster itself does not matter, so it is not synced; the server later runs with fsync as in production.
  const made = run(
    initdb,
    ['-D', cluster, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
    account,
  )
  await made.ended
  if (made.child.exitCode !== 0) throw new Error(`initdb failed: ${made.output()}`)

  const port = await freePort()
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  const args = ['-D', cluster, '-p', String(port), '-k', folder.path, '-c', 'listen_addresses=127.0.0.1', ...settings]
  let running: Running
  const start = async () => {
    // Right after a kill the dead server's children may still hold its memory, and a new one refuses to start: tried again.
    for (let attempt = 1; ; attempt += 1) {
      running = run(binary, args, account)
      try {
        await until(() => ping(url), running, 'postgres')
        return
      } catch (error) {
        if (attempt === 20) throw error
        await new Promise((resolve) => setTimeout(resolve, 250))
      }
    }
  }
  await start()
  return {
    url,
    origin: binary,
    folder: cluster,
    async kill() {
      running.child.kill('SIGKILL')
      await running.ended
    },
    restart: start,
    async stop() {
      // SIGINT is Postgres' fast shutdown: clients are cut, and no child outlives it.
      running.child.kill('SIGINT')
      await running.ended
      folder.remove()
    },
  }
}

export interface FreshDatabase {
  readonly url: string
  drop(): Promise<void>
}

/** An empty database on a running server, in some tens of milliseconds. */
export async function createDatabase(serverUrl: string): Promise<FreshDatabase> {
  const name = `callsift_${randomBytes(6).toString('hex')}`
  await administer(serverUrl, `CREATE DATABASE ${name}`)
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return { url: url.href, drop: () => administer(serverUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) }
}

async function ping(url: string): Promise<void> {
  await administer(url, 'SELECT 1')
}

async function administer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 })
  // A server that goes away mid-way says so twice: here and as the rejection that the caller sees.
  client.on('error', () => undefined)
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
