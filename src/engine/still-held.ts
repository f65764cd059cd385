import { sql } from 'kysely'
import type { Database } from '../db/connect.ts'
import type { Claim } from './claim.ts'

/** Whether the step is still this attempt's, without touching it: somebody may have cancelled or erased it meanwhile. */
export async function stillHeld(db: Database, claim: Pick<Claim, 'stepId' | 'fence' | 'workerId'>): Promise<boolean> {
  const held = await sql`select 1 from callsift.steps
    where id = ${claim.stepId} and fence = ${claim.fence} and worker_id = ${claim.workerId} and state = 'running'`.execute(
    db,
  )
  return held.rows.length > 0
}
