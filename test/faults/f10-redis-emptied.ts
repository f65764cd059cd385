import { mkdirSync, rmSync } from 'node:fs'
import { flushRedis } from '../support/redis.ts'
import { type Fault, promises } from './harness/fault.ts'
import { outage } from './harness/outage.ts'
import { judge } from './harness/verdict.ts'

/** The queue only moves work: what it forgets stands in the record. */
export const f10: Fault = {
  id: 'F10',
  injected: 'FLUSHALL in the middle of a run; then Redis killed, its files lost, and started empty',
  expected: 'the queue is built again from the record: 0 lost, 0 duplicates',
  naive: true,
  async run(bed) {
    const { notes, broken, note } = promises()
    const { load, recoveryMs } = await outage(bed, {
      perSecond: 20,
      lastMs: 4_000,
      begin: () => flushRedis(bed.redisUrl),
      end: async () => {
        await bed.redis.kill?.()
        rmSync(bed.redisFolder, { recursive: true, force: true })
        mkdirSync(bed.redisFolder)
        await bed.redis.restart?.()
      },
    })
    const verdict = await judge(bed, [load])
    note('forgotten twice in one run')
    return { verdict, recoveryMs, notes, broken }
  },
}
