import { sql } from 'kysely'
import type { Queryable } from './connect.ts'

const stepsOf = (batchId: string, stepName: string) => sql`callsift.runs c
  join callsift.steps p on p.id = c.parent_step_id
  join callsift.steps s on s.run_id = c.id and s.generation = c.generation and s.name = ${stepName} and s.state = 'done'
  where p.run_id = ${batchId}`

/** Of one step of a batch's runs: how often each value of a field of its output came. */
export async function countOutputs(
  db: Queryable,
  batchId: string,
  stepName: string,
  field: string,
): Promise<Record<string, number>> {
  const rows = await sql<{ value: string; runs: number }>`select s.output->>${field} as value, count(*)::int as runs
    from ${stepsOf(batchId, stepName)} and s.output->>${field} is not null group by 1`.execute(db)
  return Object.fromEntries(rows.rows.map((row) => [row.value, row.runs]))
}

/** Of how many of a batch's runs a field of the step's output holds anything. */
export async function countFilled(db: Queryable, batchId: string, stepName: string, field: string): Promise<number> {
  const rows = await sql<{ runs: number }>`select count(*)::int as runs from ${stepsOf(batchId, stepName)}
    and s.output->>${field} is not null and s.output->>${field} not in ('', '[]')`.execute(db)
  return rows.rows[0]?.runs ?? 0
}

/** What a step of a batch's runs paid, and would pay at most; millionths of the currency. */
export async function sumPaid(
  db: Queryable,
  batchId: string,
  stepName: string,
): Promise<{ tokens: number; micros: number; mostMicros: number }> {
  const sum = (field: string) => sql`coalesce(sum((s.output->>${field})::float8), 0)::float8`
  const rows = await sql<{ tokens: number; micros: number; mostMicros: number }>`select ${sum('tokens')} as tokens,
    ${sum('micros')} as micros, ${sum('mostMicros')} as "mostMicros" from ${stepsOf(batchId, stepName)}`.execute(db)
  return rows.rows[0] ?? { tokens: 0, micros: 0, mostMicros: 0 }
}
