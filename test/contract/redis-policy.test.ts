import { afterEach, describe, expect, it } from 'vitest'
import { watchRedisPolicy } from '../../src/engine/watch-redis-policy.ts'
import { eventually } from '../support/engine-bench.ts'
import { configureRedis, startRedis } from '../support/redis.ts'
import { createClosers, sharedRedis } from '../support/stores.ts'

const shared = await sharedRedis('a Redis whose settings change while it is used')

describe.skipIf(shared === undefined)('a Redis whose settings change while it is used', () => {
  const closers = createClosers()
  afterEach(() => closers.closeAll())

  it('F12: is noticed by the next look, and so is the mend', async () => {
    const redis = await startRedis({ own: true })
    closers.add(() => redis.stop())
    let now = 0
    const isSafe = watchRedisPolicy(redis.url, () => now)
    const later = () => {
      now += 10_000
      return isSafe()
    }
    expect(later()).toBe(true)
    await configureRedis(redis.url, 'maxmemory-policy', 'allkeys-lru')
    await eventually(() => !later())
    await configureRedis(redis.url, 'maxmemory-policy', 'noeviction')
    await eventually(later)
  })
})
