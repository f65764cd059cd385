import { sql } from 'kysely'
import type { Queryable } from './connect.ts'

export interface DoubtfulVerdict {
  readonly callId: string
  readonly portalId: string
  readonly generation: number
  readonly createdAt: Date
  readonly direction: string | null
  readonly phone: string | null
  readonly durationSeconds: number | null
  readonly quality: string
  readonly score: number
  readonly reason: string
  readonly doubts: readonly string[]
}

/**
 * Verdicts that a person should look at and nobody has decided about; the oldest first. `offset 0` keeps it at the calls of the doubtful
 * ones: Postgres takes nearly all verdicts for doubtful, and would go through all calls instead.
 */
export async function listDoubtful(
  db: Queryable,
  page: { after?: string | undefined; limit: number },
): Promise<DoubtfulVerdict[]> {
  const rows = await sql<DoubtfulVerdict>`
    select c.id as "callId", c.portal_id as "portalId", r.generation, c.created_at as "createdAt", c.direction, c.phone,
      c.duration_s as "durationSeconds", v.output->>'quality' as quality, (v.output->>'score')::float8 as score,
      v.output->>'reason' as reason, v.output->'doubts' as doubts
    from callsift.steps v
    cross join lateral (select id, generation from callsift.runs where id = v.run_id and generation = v.generation offset 0) r
    cross join lateral (select * from callsift.calls where run_id = r.id offset 0) c
    where v.name = 'classifyLead' and v.state = 'done' and v.output->'doubts' <> '[]'::jsonb
      and ${page.after === undefined ? sql`true` : sql`c.id > ${page.after}::bigint`}
      and not exists (select 1 from callsift.reviews w where w.call_id = c.id and w.generation = r.generation)
    order by c.id limit ${page.limit}`.execute(db)
  return rows.rows
}

export interface Review {
  readonly id: string
  readonly callId: string
  readonly generation: number
  readonly decision: 'approved' | 'corrected' | 'rejected'
  readonly quality: string | null
  readonly score: number | null
  readonly reason: string | null
  readonly modelVerdict: unknown
  readonly actor: string
  readonly at: Date
}

const columns = sql`id, call_id as "callId", generation, decision, quality, score, reason, model_verdict as "modelVerdict", actor, at`

export async function addReview(db: Queryable, review: Omit<Review, 'id' | 'at'>): Promise<string> {
  const made = await sql<{ id: string }>`insert into callsift.reviews
      (call_id, generation, decision, quality, score, reason, model_verdict, actor)
    values (${review.callId}, ${review.generation}, ${review.decision}, ${review.quality}, ${review.score}, ${review.reason},
      ${JSON.stringify(review.modelVerdict)}::jsonb, ${review.actor}) returning id`.execute(db)
  return made.rows[0]?.id ?? ''
}

export async function listReviews(db: Queryable, callId: string): Promise<Review[]> {
  const rows =
    await sql<Review>`select ${columns} from callsift.reviews where call_id = ${callId} order by id desc`.execute(db)
  return rows.rows
}

/** Every decision that says what is right, newest first: labelled examples for a rubric. */
export async function listExamples(
  db: Queryable,
  page: { cursor?: string | undefined; limit: number },
): Promise<Review[]> {
  const rows = await sql<Review>`select ${columns} from callsift.reviews where decision in ('approved', 'corrected')
    and ${page.cursor === undefined ? sql`true` : sql`id < ${page.cursor}::bigint`} order by id desc limit ${page.limit}`.execute(
    db,
  )
  return rows.rows
}
