import { sql } from 'kysely'
import type { Queryable } from './connect.ts'
import type { Erasable } from './erase.ts'

export interface ErasableLead {
  readonly portalId: string
  readonly leadId: string
}

/** The leads that calls belong to: a lead's verdict may repeat what its last call was judged by. */
export async function listLeadsOf(db: Queryable, calls: readonly Erasable[]): Promise<ErasableLead[]> {
  const ids = calls.map((call) => call.id)
  const rows = await sql<ErasableLead>`select distinct c.portal_id as "portalId", l.id as "leadId" from callsift.calls c
    cross join lateral (
      select s.output->'entity'->>'id' as id from callsift.steps s
        where s.run_id = c.run_id and s.name = 'locateRecording' and s.output->'entity'->>'typeId' = '1'
      union select c.entity_id where c.entity_type_id = 1) l
    where c.id = any(${ids}::bigint[]) and l.id is not null`.execute(db)
  return rows.rows
}

/** Ids of the calls that belong to a lead. */
export async function listCallsOf(db: Queryable, { portalId, leadId }: ErasableLead): Promise<string[]> {
  const rows = await sql<{ id: string }>`select c.id from callsift.calls c where c.portal_id = ${portalId}
    and (c.entity_type_id = 1 and c.entity_id = ${leadId} or c.run_id in (select s.run_id from callsift.steps s
      where s.portal_id = ${portalId} and s.name = 'locateRecording' and s.output->'entity'->>'typeId' = '1'
        and s.output->'entity'->>'id' = ${leadId}))`.execute(db)
  return rows.rows.map((row) => row.id)
}

const ofLead = ({ portalId, leadId }: ErasableLead) =>
  sql`workflow = 'scoreLead' and portal_id = ${portalId} and input->>'leadId' = ${leadId}`

/** Scorings of the lead that are under way or parked. */
export async function listOpenScorings(db: Queryable, lead: ErasableLead): Promise<string[]> {
  const rows = await sql<{ id: string }>`select id from callsift.runs
    where ${ofLead(lead)} and state in ('running', 'parked')`.execute(db)
  return rows.rows.map((row) => row.id)
}

/** Removes what the lead was judged as. Scorings that began meanwhile saw nothing of what is erased, and stay. */
export async function removeLead(trx: Queryable, lead: ErasableLead): Promise<Record<string, number>> {
  const runs = await sql`delete from callsift.runs where ${ofLead(lead)} and state <> 'running'`.execute(trx)
  const scores = await sql`delete from callsift.lead_scores
    where portal_id = ${lead.portalId} and lead_id = ${lead.leadId}::bigint`.execute(trx)
  return { leadScores: Number(scores.numAffectedRows ?? 0n), leadRuns: Number(runs.numAffectedRows ?? 0n) }
}
