import type { Queryable } from './connect.ts'

/** Of the given runs, those that are under way. */
export async function listRunning(db: Queryable, runIds: readonly string[]): Promise<Set<string>> {
  if (runIds.length === 0) return new Set()
  const rows = await db
    .selectFrom('callsift.runs')
    .select('id')
    .where('id', 'in', runIds)
    .where('state', '=', 'running')
    .execute()
  return new Set(rows.map((row) => row.id))
}
