import { readFileSync, readlinkSync } from 'node:fs'

export interface ProcessLife {
  /** One boot of one kernel, one namespace of process ids, one account: within it a process id means one process at a time. */
  readonly realm: string
  /** When the process began, in the kernel's ticks since the boot: another one with the same id began later. */
  readonly born: string
}

/** Where and when this process lives; null where that cannot be told (no /proc, as on macOS and Windows). See proc(5), pid_namespaces(7). */
export function readLife(): ProcessLife | null {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    const { pid, born } = readStat('self')
    // A /proc of another namespace is mounted here: its numbers are not ours.
    if (pid !== process.pid) return null
    return { realm: `${boot} ${readlinkSync('/proc/self/ns/pid')} ${process.getuid?.()}`, born }
  } catch {
    return null
  }
}

/** Whether a process of this one's realm has ended for certain; where it cannot be told, it has not. */
export function hasEnded(other: { pid: number; born: string }): boolean {
  try {
    process.kill(other.pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
  try {
    const { state, born } = readStat(other.pid)
    // Z: it has ended, and its parent has not asked how.
    return born !== other.born || state === 'Z' || state === 'X'
  } catch {
    return false
  }
}

/** The name of a program may hold anything, so fields are counted from its closing bracket: state is the 3rd of all, the start the 22nd. */
function readStat(whose: number | 'self'): { pid: number; state: string; born: string } {
  const text = readFileSync(`/proc/${whose}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state, born] = [fields[0], fields[19]]
  if (state === undefined || born === undefined) throw new Error(`/proc/${whose}/stat has too few fields`)
  return { pid: Number.parseInt(text, 10), state, born }
}
