import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { endAll, launch } from '../support/launch.ts'
import { startRedis } from '../support/redis.ts'
import { createClosers, freshDatabase, sharedRedis } from '../support/stores.ts'

const what = 'a start that is refused'
const database = await freshDatabase(what)
const shared = await sharedRedis(what)

describe.skipIf(database === undefined || shared === undefined)(what, () => {
  const closers = createClosers()
  afterEach(() => closers.closeAll())

  test.each(['serve', 'work'])(
    'F12: %s on a Redis that evicts says why, and ends with 78',
    async (verb) => {
      const redis = await startRedis({ own: true, settings: ['--maxmemory-policy', 'allkeys-lru'] })
      closers.add(() => redis.stop())
      const dataDir = await mkdtemp(join(tmpdir(), 'callsift-refused-'))
      closers.add(() => rm(dataDir, { recursive: true, force: true }))
      const env = {
        CALLSIFT_DATA: dataDir,
        CALLSIFT_PORT: '0',
        CALLSIFT_SECRET_KEY: 'a secret of the tests, long enough',
        DATABASE_URL: database?.url ?? '',
        REDIS_URL: redis.url,
      }
      const refused = launch([verb], env)
      closers.add(() => endAll([refused]))
      // A process that has refused and lives on looks well to its supervisor.
      expect((await refused.ended).code).toBe(78)
      expect(refused.said()).toContain('maxmemory-policy')
    },
    60_000,
  )
})
