import { sql } from 'kysely'
import type { Database } from '../db/connect.ts'
import type { Claim } from './claim.ts'

/**
 * Is the step still this attempt's, now, by the database's clock? Also marks that the step has passed its gate: from here on a
 * crash counts against it. `marginMs` is how much life the worker's heartbeat must still have.
 */
export async function holdsLease(
  db: Database,
  claim: Pick<Claim, 'stepId' | 'fence' | 'workerId'>,
  limits: { workerTtlMs: number; marginMs: number },
): Promise<boolean> {
  const held = await sql`
    update callsift.steps set gate_passed = true
    where id = ${claim.stepId} and fence = ${claim.fence} and worker_id = ${claim.workerId} and state = 'running'
      and exists (select 1 from callsift.workers where id = ${claim.workerId}
        and heartbeat_at > clock_timestamp() - ${limits.workerTtlMs - limits.marginMs} * interval '1 millisecond')
    returning id`.execute(db)
  return held.rows.length > 0
}
