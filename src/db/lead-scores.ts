import { sql } from 'kysely'
import type { Queryable } from './connect.ts'

export interface LeadScore {
  readonly leadId: number
  readonly seenHash: string
  readonly rubric: string
  readonly quality: string
  readonly score: number
  readonly reason: string | null
  readonly written: boolean
}

export async function readLeadScores(
  db: Queryable,
  portalId: string,
  leadIds: readonly number[],
): Promise<Map<number, LeadScore>> {
  const rows =
    await sql<LeadScore>`select lead_id::float8 as "leadId", seen_hash as "seenHash", rubric, quality, score, reason, written
    from callsift.lead_scores where portal_id = ${portalId} and lead_id = any(${leadIds}::bigint[])`.execute(db)
  return new Map(rows.rows.map((row) => [row.leadId, row]))
}

/**
 * Keeps what the lead was judged as; a later verdict takes the place of an earlier one. Nothing is kept for a run that was ended or
 * erased meanwhile.
 */
export async function saveLeadScore(
  db: Queryable,
  portalId: string,
  runId: string,
  score: Omit<LeadScore, 'reason'> & { reason: string },
): Promise<void> {
  await sql`insert into callsift.lead_scores (portal_id, lead_id, seen_hash, rubric, quality, score, reason, written, run_id)
    select ${portalId}, ${score.leadId}::bigint, ${score.seenHash}, ${score.rubric}, ${score.quality}, ${score.score}::integer,
      ${score.reason}, ${score.written}::boolean, r.id
    from (select id from callsift.runs where id = ${runId} and state = 'running' for share) r
    on conflict (portal_id, lead_id) do update set seen_hash = excluded.seen_hash, rubric = excluded.rubric,
      quality = excluded.quality, score = excluded.score, reason = excluded.reason, written = excluded.written,
      run_id = excluded.run_id, scored_at = now()`.execute(db)
}

export interface CallVerdict {
  readonly leadId: number
  readonly quality: string
  readonly score: number
  readonly reason: string
}

/** Of each lead that a call belongs to: what its newest call was judged as. */
export async function readLastVerdicts(
  db: Queryable,
  portalId: string,
  leadIds: readonly number[],
): Promise<Map<number, CallVerdict>> {
  const rows = await sql<CallVerdict>`
    select distinct on (l.output->'entity'->>'id') (l.output->'entity'->>'id')::float8 as "leadId", v.output->>'quality' as quality,
      (v.output->>'score')::int as score, v.output->>'reason' as reason
    from callsift.steps l join callsift.steps v on v.run_id = l.run_id and v.name = 'classifyLead' and v.state = 'done'
      and v.output->>'quality' is not null
    where l.portal_id = ${portalId} and l.name = 'locateRecording' and l.output->'entity'->>'typeId' = '1'
      and l.output->'entity'->>'id' = any(${leadIds.map(String)}::text[])
    order by l.output->'entity'->>'id', v.finished_at desc`.execute(db)
  return new Map(rows.rows.map((row) => [row.leadId, row]))
}
