import { sql } from 'kysely'
import type { Queryable } from './connect.ts'

interface Sums {
  judged: number
  written: number
  observed: number
  gone: number
  high: number
  medium: number
  low: number
  needReview: number
  tokens: number
  micros: number
}

/** What the runs of a scoring came to. `micros`: millionths of the currency. */
export async function sumScores(db: Queryable, batchId: string) {
  const judged = sql`from callsift.runs c join callsift.steps p on p.id = c.parent_step_id
    join callsift.steps j on j.run_id = c.id and j.generation = c.generation and j.name = 'judgeLead' and j.state = 'done'
    left join callsift.steps w on w.run_id = c.id and w.generation = c.generation and w.name = 'writeLeadScore' and w.state = 'done'
    where p.run_id = ${batchId}`
  const of = (quality: string) => sql`count(*) filter (where j.output->>'quality' = ${quality})::int`
  const sums = await sql<Sums>`select count(*) filter (where j.output->>'quality' is not null)::int as judged,
      count(*) filter (where w.output->>'written' in ('written', 'found'))::int as written,
      count(*) filter (where w.output->>'written' = 'observed')::int as observed,
      count(*) filter (where j.output->>'ended' = 'lead_gone' or w.output->>'written' = 'lead_gone')::int as gone,
      ${of('high')} as high, ${of('medium')} as medium, ${of('low')} as low,
      count(*) filter (where json_array_length((j.output->'doubts')::json) > 0)::int as "needReview",
      coalesce(sum((j.output->>'tokens')::float8), 0)::float8 as tokens,
      coalesce(sum((j.output->>'micros')::float8), 0)::float8 as micros ${judged}`.execute(db)
  const spread = await sql<{ ten: number; leads: number }>`
    select least((j.output->>'score')::int / 10, 9) as ten, count(*)::int as leads ${judged}
      and j.output->>'score' is not null group by 1`.execute(db)
  const [row] = sums.rows
  if (row === undefined) throw new Error('an aggregate without a row')
  const { high, medium, low, ...rest } = row
  const tens = Array.from({ length: 10 }, (_, ten) => spread.rows.find((one) => one.ten === ten)?.leads ?? 0)
  return { ...rest, quality: { high, medium, low }, tens }
}
