import { type Fault, promises } from './harness/fault.ts'
import { outage } from './harness/outage.ts'
import { noTmpfs, type SmallDisk, smallDisk } from './harness/tmpfs.ts'
import { judge } from './harness/verdict.ts'

let disk: SmallDisk | undefined

export const f14: Fault = {
  id: 'F14',
  injected: "the disk of Redis' append-only file is full for 10 s",
  expected: '0 lost, events answered 200, recovers alone',
  naive: true,
  missing: noTmpfs,
  bed: () => {
    disk = smallDisk(12)
    return { redis: { folder: disk.path } }
  },
  async run(bed) {
    const { notes, broken, expect } = promises()
    try {
      const { load, recoveryMs, during } = await outage(bed, {
        lastMs: 10_000,
        begin: () => disk?.fill(),
        end: () => disk?.free(),
      })
      const verdict = await judge(bed, [load])
      const refused = during.filter((call) => call.status !== 200).length
      expect(refused === 0, `${during.length - refused} of ${during.length} events answered 200 meanwhile`)
      return { verdict, recoveryMs, notes, broken }
    } finally {
      await bed.redis.kill?.()
      disk?.remove()
    }
  },
}
