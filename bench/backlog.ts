import { sql } from 'kysely'
import { countRuns } from '../src/db/status.ts'
import { nowhere, post } from './ingest.ts'
import { install, type Stores } from './installation.ts'
import { note, type Row } from './report.ts'

/** So many steps wait; intake beside them, and the two looks that read all of them. */
export async function measureBacklog(stores: Stores, steps: number, seconds: number): Promise<Row[]> {
  const rate = 200
  const installation = await install({ stores, workers: 0, sandbox: nowhere })
  try {
    await post(installation.serve, installation.origin, rate, 3, 'warming')
    const empty = await post(installation.serve, installation.origin, rate, seconds, 'no backlog')
    const { db } = await installation.record()
    await sql`with made as (
        insert into callsift.runs (workflow, key, portal_id, priority, input)
        select 'call', 'bench-backlog-' || n, 'portal-' || n % 20, 0, '{"callId":"0"}'::jsonb from generate_series(1, ${steps}::int) n
        returning id, portal_id)
      insert into callsift.steps (run_id, generation, name, index, queue, portal_id, family, priority)
      select id, 1, 'locateRecording', 0, 'locate', portal_id, 'portal', 0 from made`.execute(db)
    await sql`analyze callsift.runs, callsift.steps`.execute(db)
    const beside = await post(installation.serve, installation.origin, rate, seconds, `${steps} waiting`)
    const startedAt = performance.now()
    await countRuns(db)
    const statusMs = performance.now() - startedAt
    note(`counting the runs of ${steps} took ${statusMs.toFixed(0)} ms`)
    return [
      {
        figure: `backlog ${steps}: ingest p99 at ${rate}/s`,
        value: beside.p99Ms,
        unit: 'ms',
        ceiling: empty.p99Ms,
        promise: '≤ 2 × empty',
        met: beside.p99Ms <= 2 * empty.p99Ms,
      },
      {
        figure: `backlog ${steps}: counting runs`,
        value: statusMs,
        unit: 'ms',
        ceiling: null,
        promise: null,
        met: null,
      },
    ]
  } finally {
    await installation.stop()
  }
}
