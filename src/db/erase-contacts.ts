import { sql } from 'kysely'
import type { Queryable } from './connect.ts'
import { stopRun } from './erase.ts'

/** Runs that found this number, given by its last ten digits, in what was written about a lead or contact. */
export async function listExtractedByPhone(db: Queryable, digits: string, portalId: string | null): Promise<string[]> {
  const rows = await sql<{ id: string }>`select distinct s.run_id as id from callsift.steps s
    where s.name = 'readContact' and s.output->>'phone' is not null and right(s.output->>'phone', 10) = ${digits}
      and (${portalId}::text is null or s.portal_id = ${portalId})`.execute(db)
  return rows.rows.map((row) => row.id)
}

/** Runs that read about the lead or contact which a call belongs to. */
export async function listExtractedOfCall(
  db: Queryable,
  call: { readonly id: string; readonly portalId: string; readonly runId: string | null },
): Promise<string[]> {
  const rows = await sql<{ id: string }>`
    with owners as (select s.output->'entity'->>'typeId' as type, s.output->'entity'->>'id' as id from callsift.steps s
        where s.run_id = ${call.runId}::bigint and s.name = 'locateRecording'
      union select c.entity_type_id::text, c.entity_id from callsift.calls c where c.id = ${call.id})
    select r.id from callsift.runs r join owners o on o.id = r.input->>'recordId'
      and o.type = case r.input->>'of' when 'leads' then '1' else '3' end
    where r.workflow = 'extractContact' and r.portal_id = ${call.portalId}`.execute(db)
  return rows.rows.map((row) => row.id)
}

/** Takes these runs from whoever works on them, and removes them with all that they found. Returns how many went. */
export async function removeExtracted(trx: Queryable, runIds: readonly string[]): Promise<number> {
  for (const id of runIds) await stopRun(trx, id)
  await sql`delete from callsift.contact_reads where run_id = any(${runIds}::bigint[])`.execute(trx)
  await sql`delete from callsift.effects where run_id = any(${runIds}::bigint[])`.execute(trx)
  const gone = await sql`delete from callsift.runs where id = any(${runIds}::bigint[])`.execute(trx)
  return Number(gone.numAffectedRows ?? 0n)
}
