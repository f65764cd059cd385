import { request } from 'undici'
import { configureRedis } from '../support/redis.ts'
import { type Fault, promises } from './harness/fault.ts'
import { ring } from './harness/load.ts'
import type { Program } from './harness/program.ts'
import { pause, until } from './harness/until.ts'
import { judge } from './harness/verdict.ts'

export const f12: Fault = {
  id: 'F12',
  injected: 'Redis with allkeys-lru at start; and set to it at run time',
  expected: 'start refused with a clear line and exit 78; /readyz red <= 30 s',
  naive: 'BullMQ prints a warning and starts',
  bed: () => ({ idle: true, redis: { settings: ['--maxmemory-policy', 'allkeys-lru'] } }),
  async run(bed) {
    const { notes, broken, expect } = promises()
    for (const args of [['serve', '--http-only'], ['work']]) {
      const refused = bed.launch({ name: args[0] ?? '', args })
      const code = await endsWithin(refused, 20_000)
      expect(code === 78 && refused.said().includes('maxmemory-policy'), `${args[0]} ended with ${code}`)
    }
    await configureRedis(bed.redisUrl, 'maxmemory-policy', 'noeviction')
    for (const program of bed.programs) program.start()
    await until(bed.live, 'serve', 30_000)
    const isReady = async () => {
      const answer = await request(`${bed.origin}/readyz`)
      await answer.body.dump()
      return answer.statusCode === 200
    }
    await until(isReady, 'readiness', 30_000)
    await configureRedis(bed.redisUrl, 'maxmemory-policy', 'allkeys-lru')
    const changedAt = performance.now()
    const red = await until(async () => !(await isReady()), 'red', 30_000, 250).catch(() => false)
    expect(red, `/readyz red ${((performance.now() - changedAt) / 1000).toFixed(1)} s after the change`)
    await configureRedis(bed.redisUrl, 'maxmemory-policy', 'noeviction')
    await until(isReady, 'green again', 30_000)
    const load = await ring(bed, { count: 20, perSecond: 10 })
    await load.done
    return { verdict: await judge(bed, [load]), recoveryMs: null, notes, broken }
  },
}

/** Null: it was refused and lives on, where no supervisor sees it. */
async function endsWithin(program: Program, ms: number): Promise<number | null> {
  return await Promise.race([program.ended(), pause(ms).then(() => null)])
}
