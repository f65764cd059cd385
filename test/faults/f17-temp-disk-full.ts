import { readdirSync } from 'node:fs'
import { type Fault, promises } from './harness/fault.ts'
import { outage } from './harness/outage.ts'
import { noTmpfs, type SmallDisk, smallDisk } from './harness/tmpfs.ts'
import { judge } from './harness/verdict.ts'

let disk: SmallDisk | undefined

export const f17: Fault = {
  id: 'F17',
  injected: "the disk of the workers' temporary audio is full for 8 s",
  expected: 'calls wait and go on after it, no temporary file is left, no half a recording is sent',
  naive: 'it keeps recordings in memory',
  missing: noTmpfs,
  bed: () => {
    disk = smallDisk(8)
    const env = { TMPDIR: disk.path, CALLSIFT_DATA: disk.path }
    return { workerEnv: () => env }
  },
  async run(bed) {
    const { notes, broken, expect } = promises()
    try {
      const { load, recoveryMs } = await outage(bed, {
        lastMs: 8_000,
        begin: () => disk?.fill(),
        end: () => disk?.free(),
      })
      const verdict = await judge(bed, [load])
      const left = readdirSync(disk?.path ?? '', { recursive: true }).filter((name) => String(name).includes('job-'))
      expect(left.length === 0, `${left.length} temporary folders left`)
      const heard = await bed.control<{ detail: { bytes?: number } }[]>('GET', '/effects?after=0&kind=transcription')
      const sizes = new Set(heard.map((one) => one.detail.bytes))
      expect(sizes.size <= 1, `all that was sent had ${[...sizes].join(', ')} bytes`)
      return { verdict, recoveryMs, notes, broken }
    } finally {
      for (const worker of bed.workers) await worker.kill()
      disk?.remove()
    }
  },
}
