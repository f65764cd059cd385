import { accountForServers } from '../support/processes.ts'
import { type Fault, promises } from './harness/fault.ts'
import { outage } from './harness/outage.ts'
import { noTmpfs, type SmallDisk, smallDisk } from './harness/tmpfs.ts'
import { pause } from './harness/until.ts'
import { judge } from './harness/verdict.ts'

let disk: SmallDisk | undefined

export const f15: Fault = {
  id: 'F15',
  injected:
    "the disk of the record is full for 15 s (Postgres stops with a full log; the operator's supervisor starts it again)",
  expected: '503 with Retry-After, never a false 200; after the heal reconcile brings in what was refused',
  naive: 'it keeps no record',
  missing: noTmpfs,
  bed: () => {
    disk = smallDisk(200, accountForServers())
    return {
      postgres: { folder: disk.path, settings: ['-c', 'max_wal_size=64MB', '-c', 'wal_recycle=off'] },
      timings: { reconcileMs: 5_000 },
    }
  },
  async run(bed) {
    const { notes, broken, expect } = promises()
    try {
      const { load, recoveryMs } = await outage(bed, {
        perSecond: 30,
        lastMs: 15_000,
        afterMs: 10_000,
        begin: () => disk?.fill(),
        end: async () => {
          disk?.free()
          await pause(3_000)
          const answering = await bed.record?.db
            .selectFrom('callsift.meta')
            .select('key')
            .execute()
            .then(
              () => true,
              () => false,
            )
          if (answering !== true) {
            await bed.postgres.kill?.()
            await bed.postgres.restart?.()
          }
        },
      })
      const verdict = await judge(bed, [load], { refusedToo: true })
      const refused = load.calls.filter((call) => call.status !== 200)
      const rightly = refused.filter((call) => call.status === 503 && call.retryAfter !== null)
      expect(refused.length > 0, `${refused.length} of ${load.calls.length} events were refused`)
      expect(rightly.length === refused.length, `${rightly.length} of them with 503 and Retry-After`)
      return { verdict, recoveryMs, notes, broken }
    } finally {
      await bed.record?.close()
      await bed.postgres.kill?.()
      disk?.remove()
    }
  },
}
