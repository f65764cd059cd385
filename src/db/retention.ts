import { sql } from 'kysely'
import type { Database } from './connect.ts'

/** Rows of one statement: bounded, so that no table is held for long. */
const batch = 500

/** What stands in the place of an output that went: pages show it, no step reads it. */
const dropped = { pieces: [], segments: [], dropped: 'by age' }

/** Deliveries as they came in, older than so many days. */
export async function dropDeliveries(db: Database, days: number): Promise<number> {
  return await inBatches(async () => {
    const gone = await sql`delete from callsift.inbox where id in (select id from callsift.inbox
      where received_at < now() - ${days} * interval '1 day' order by received_at limit ${batch})`.execute(db)
    return Number(gone.numAffectedRows ?? 0n)
  })
}

/**
 * Outputs of the named steps in runs that ended so many days ago. Their input's hash goes with them: a run that is begun again hears
 * the recording anew, and does not take an empty page for the transcript. A parked run keeps them: it goes on from where it stands.
 */
export async function dropOutputs(db: Database, stepNames: readonly string[], days: number): Promise<number> {
  return await inBatches(async () => {
    const gone =
      await sql`update callsift.steps set output = ${JSON.stringify(dropped)}::jsonb, input_hash = null where id in (
      select s.id from callsift.steps s join callsift.runs r on r.id = s.run_id
      where s.name = any(${stepNames}::text[]) and s.state = 'done' and s.input_hash is not null
        and r.state in ('done', 'cancelled') and r.updated_at < now() - ${days} * interval '1 day'
      limit ${batch})`.execute(db)
    return Number(gone.numAffectedRows ?? 0n)
  })
}

/** Recordings that were sent to us, older than so many days, whose calls have ended. A few at a time: they are large. */
export async function dropUploads(db: Database, days: number): Promise<number> {
  return await inBatches(async () => {
    const gone = await sql`delete from callsift.uploads where id in (select u.id from callsift.uploads u
      where u.created_at < now() - ${days} * interval '1 day' and not exists (
        select 1 from callsift.calls c join callsift.runs r on r.id = c.run_id
        where c.upload_id = u.id and r.state in ('running', 'parked'))
      limit 20)`.execute(db)
    return Number(gone.numAffectedRows ?? 0n)
  }, 20)
}

/** Runs of batches that ended so many days ago: each holds what a lead was judged by. The batch's own report holds none of it, and stays. */
export async function dropBatchRuns(db: Database, days: number): Promise<number> {
  return await inBatches(async () => {
    const gone = await sql`delete from callsift.runs where id in (select id from callsift.runs
      where parent_step_id is not null and workflow <> 'call' and state in ('done', 'cancelled', 'parked')
        and updated_at < now() - ${days} * interval '1 day' limit ${batch})`.execute(db)
    return Number(gone.numAffectedRows ?? 0n)
  })
}

/** The words of verdicts on leads. Their score and hash stay, or every lead would be paid for again. */
export async function dropLeadReasons(db: Database, days: number): Promise<number> {
  return await inBatches(async () => {
    const gone = await sql`update callsift.lead_scores set reason = null where (portal_id, lead_id) in (
      select portal_id, lead_id from callsift.lead_scores
      where reason is not null and scored_at < now() - ${days} * interval '1 day' limit ${batch})`.execute(db)
    return Number(gone.numAffectedRows ?? 0n)
  })
}

const mostBatches = 200

/** Until a batch is not full, or the round has done enough: the next one goes on. */
async function inBatches(drop: () => Promise<number>, full = batch): Promise<number> {
  let all = 0
  for (let round = 0; round < mostBatches; round += 1) {
    const gone = await drop()
    all += gone
    if (gone < full) break
  }
  return all
}
