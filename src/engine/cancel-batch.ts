import { sql } from 'kysely'
import type { Database } from '../db/connect.ts'
import type { Registry } from './registry.ts'
import { cancelRun } from './rerun.ts'

/** Ends a batch and every run of it that is open; what is under way may finish, but creates nothing. Returns how many of its runs. */
export async function cancelBatch<Context>(db: Database, registry: Registry<Context>, runId: string): Promise<number> {
  // The batch first: from then on it creates no more.
  await cancelRun(db, registry, runId)
  let cancelled = 0
  for (;;) {
    const open = await sql<{
      id: string
    }>`select c.id from callsift.runs c join callsift.steps s on s.id = c.parent_step_id
      where s.run_id = ${runId} and c.state in ('running', 'parked') limit 100`.execute(db)
    if (open.rows.length === 0) return cancelled
    for (const { id } of open.rows) await cancelRun(db, registry, id)
    cancelled += open.rows.length
  }
}
