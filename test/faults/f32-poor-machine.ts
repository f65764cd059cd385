import { connect, type Socket } from 'node:net'
import { findBinary } from '../support/processes.ts'
import { type Fault, promises } from './harness/fault.ts'
import { ring } from './harness/load.ts'
import { pause, until } from './harness/until.ts'
import { judge } from './harness/verdict.ts'

export const f32: Fault = {
  id: 'F32',
  injected:
    '256 open files, a heap of 256 MB and one core a process; 400 connections that say nothing and 100 events a second',
  expected: 'it refuses rather than dies, and recovers',
  naive: true,
  missing: () =>
    findBinary('prlimit') === undefined || findBinary('taskset') === undefined
      ? 'prlimit or taskset is not here'
      : null,
  bed: () => ({
    wrap: ['prlimit', '--nofile=256:256', 'taskset', '-c', '0'],
    nodeArgs: ['--max-old-space-size=256'],
    timings: { reconcileMs: 5_000 },
  }),
  async run(bed) {
    const { notes, broken, note, expect } = promises()
    const idle: Socket[] = []
    const { hostname, port } = new URL(bed.origin)
    for (let n = 0; n < 400; n += 1) idle.push(connect(Number(port), hostname).on('error', () => undefined))
    const load = await ring(bed, { count: 600, perSecond: 100 })
    await load.done
    for (const socket of idle) socket.destroy()
    await until(bed.live, 'serve', 30_000)
    await pause(1_000)
    const verdict = await judge(bed, [load], { refusedToo: bed.record !== null, withinMs: 150_000 })
    const crashes = bed.programs.reduce((sum, one) => sum + one.crashes(), 0)
    const statuses = [...new Set(load.calls.map((call) => call.status))].sort()
    note(
      `answers: ${statuses.map((status) => `${status === 0 ? 'none' : status} × ${load.calls.filter((call) => call.status === status).length}`).join(', ')}`,
    )
    expect(crashes === 0, `${crashes} processes died`)
    return { verdict, recoveryMs: null, notes, broken }
  },
}
