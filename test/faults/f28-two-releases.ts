import { sql } from 'kysely'
import { type Fault, promises } from './harness/fault.ts'
import { ring } from './harness/load.ts'
import { pause, until } from './harness/until.ts'
import { judge } from './harness/verdict.ts'

/** A newer release is played by what it would leave in the record: steps that this one does not know. */
export const f28: Fault = {
  id: 'F28',
  injected: 'processes are replaced one by one under load while the record holds steps of a newer release',
  expected: 'calls go on; what this release does not know is left to the other, delayed and not failed',
  naive: 'its jobs carry no release',
  async run(bed) {
    const { notes, broken, expect } = promises()
    const record = bed.record
    if (record === null) throw new Error('this row is about the record')
    const made = await sql<{ id: string }>`insert into callsift.runs (workflow, key, portal_id, priority, input)
      values ('call of a newer release', 'newer', 'portal-0', 0, '{}') returning id`.execute(record.db)
    const runId = made.rows[0]?.id ?? ''
    await sql`insert into callsift.steps (run_id, generation, name, index, queue, portal_id, family, priority, state)
      select ${runId}::bigint, 1, 'reconsider', n, 'classify', 'portal-0', 'ai', 0, 'ready' from generate_series(0, 9) as n`.execute(
      record.db,
    )
    const load = await ring(bed, { count: 120, perSecond: 6 })
    for (const one of bed.programs) {
      await pause(3_000)
      one.signal('SIGTERM')
      await one.ended()
      one.start()
      await until(bed.live, 'serve', 30_000)
    }
    await load.done
    const verdict = await judge(bed, [load], { refusedToo: false })
    const { rows } = await sql<{ state: string; attempts: number }>`select state, attempts from callsift.steps
      where run_id = ${runId}::bigint`.execute(record.db)
    const untouched = rows.filter((row) => row.state === 'ready' && row.attempts === 0).length
    expect(untouched === 10, `${untouched} of 10 steps of the newer release stand as they were`)
    return { verdict, recoveryMs: null, notes, broken }
  },
}
