import { getPriority, setPriority } from 'node:os'

/** A third of what others get while they want it all: the measuring goes on on a busy machine, only slower. */
const gives = 5
const mostNice = 19

/**
 * Lets the thread that calls this (or the child process named) have the processor only when nothing else here wants it: measuring a
 * recording may take seconds, answering an event may not. Linux only: elsewhere a thread has no priority of its own, and the whole
 * process would give way.
 */
export function giveWay(childPid = 0): void {
  if (process.platform !== 'linux') return
  try {
    setPriority(childPid, Math.min(mostNice, getPriority() + gives))
  } catch {
    // A child may have ended already; and where it is not allowed, it is only slower.
  }
}
