import { execFileSync } from 'node:child_process'
import { chownSync, mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Account } from '../../support/processes.ts'

const mounted = new Set<string>()
const unmount = (path: string) => {
  execFileSync('umount', ['-l', path])
  mounted.delete(path)
}
process.once('exit', () => {
  for (const path of mounted) unmount(path)
})

/** Null where small disks can be had: it takes root and a kernel that mounts tmpfs. */
export function noTmpfs(): string | null {
  try {
    const disk = smallDisk(1)
    disk.remove()
    return null
  } catch (error) {
    return `no tmpfs can be mounted here (${error instanceof Error ? error.message.split('\n')[0] : String(error)})`
  }
}

export interface SmallDisk {
  readonly path: string
  fill(): void
  free(): void
  remove(): void
}

/** A disk of so many MB that can be filled to its last block. `account` owns it. */
export function smallDisk(megabytes: number, account: Account = {}): SmallDisk {
  const path = mkdtempSync(join(tmpdir(), 'callsift-disk-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', path])
  mounted.add(path)
  if (account.uid !== undefined && account.gid !== undefined) chownSync(path, account.uid, account.gid)
  const filler = join(path, 'filler')
  mkdirSync(filler)
  let files = 0
  return {
    path,
    fill: () => {
      // From large to small, until not even one block is left.
      for (let bytes = 1 << 24; bytes >= 4_096; bytes >>= 1) {
        while (statfsSync(path).bavail * statfsSync(path).bsize >= bytes) {
          files += 1
          writeFileSync(join(filler, String(files)), Buffer.alloc(bytes))
        }
      }
    },
    free: () => {
      rmSync(filler, { recursive: true, force: true })
      mkdirSync(filler)
    },
    remove: () => {
      unmount(path)
      rmSync(path, { recursive: true, force: true })
    },
  }
}
