import { Redis } from 'ioredis'
import { startContainer } from './containers.ts'
import {
  findBinary,
  freePort,
  makeFolder,
  type Running,
  run,
  type StoreServer,
  StoreUnavailable,
  until,
} from './processes.ts'

/**
 * A Redis as production wants it (append-only file, `noeviction`): the one at TEST_REDIS_URL, else a container, else a local redis-server.
 * `own: true` leaves the given one alone, for tests that kill or empty it; with `settings` or `folder` it is a local one in any case.
 */
export async function startRedis(
  options: {
    own?: boolean /** Further settings of a local server, which go before the usual ones. */
    settings?: readonly string[] /** Its data goes here. */
    folder?: string
  } = {},
): Promise<StoreServer> {
  const given = process.env['TEST_REDIS_URL']
  if (given !== undefined && given !== '' && options.own !== true) {
    await ping(given)
    return { url: given, origin: 'TEST_REDIS_URL', stop: async () => undefined }
  }
  const settings = [
    '--appendonly',
    'yes',
    '--appendfsync',
    'everysec',
    '--maxmemory-policy',
    'noeviction',
    '--save',
    '',
  ]
  const special = options.settings !== undefined || options.folder !== undefined
  const contained = special
    ? undefined
    : await startContainer({
        image: 'redis:7-alpine',
        port: 6379,
        command: ['redis-server', ...settings],
        url: (host, port) => `redis://${host}:${port}`,
        answers: ping,
      })
  if (contained !== undefined) return contained
  const binary = findBinary('redis-server')
  if (binary === undefined) throw new StoreUnavailable('no redis-server, no container engine, no TEST_REDIS_URL')

  const folder = makeFolder('callsift-redis-')
  const port = await freePort()
  const url = `redis://127.0.0.1:${port}`
  let running: Running
  const start = async () => {
    const dir = options.folder ?? folder.path
    const all = [...settings, ...(options.settings ?? [])]
    running = run(binary, ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, ...all])
    await until(() => ping(url), running, 'redis-server')
  }
  const kill = async () => {
    running.child.kill('SIGKILL')
    await running.ended
  }
  await start()
  return {
    url,
    origin: binary,
    folder: folder.path,
    kill,
    restart: start,
    async pause() {
      running.child.kill('SIGSTOP')
      return async () => void running.child.kill('SIGCONT')
    },
    async stop() {
      await kill()
      folder.remove()
    },
  }
}

/** Empties a Redis, as one that came back without its disk would be. Only for a server of the test's own. */
export async function flushRedis(url: string): Promise<void> {
  await withRedis(url, (redis) => redis.flushall())
}

/** Deletes what stands under one prefix: a lost memory for one user of a Redis that is shared. */
export async function forgetPrefix(url: string, prefix: string): Promise<void> {
  await withRedis(url, async (redis) => {
    const keys = await redis.keys(`${prefix}:*`)
    if (keys.length > 0) await redis.del(...keys)
  })
}

/** Changes a setting of a running Redis of the test's own. */
export async function configureRedis(url: string, setting: string, value: string): Promise<void> {
  await withRedis(url, (redis) => redis.config('SET', setting, value))
}

async function ping(url: string): Promise<void> {
  await withRedis(url, (redis) => redis.ping())
}

async function withRedis<T>(url: string, use: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: 2_000,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  })
  // connect() rejects with the same error; the listener only keeps it from ending the process.
  redis.on('error', () => undefined)
  try {
    await redis.connect()
    return await use(redis)
  } finally {
    redis.disconnect()
  }
}
