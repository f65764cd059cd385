import type { Selectable } from 'kysely'
import { sql } from 'kysely'
import type { Queryable } from './connect.ts'
import type { CallTable } from './schema.ts'

export type CallFacts = Selectable<CallTable>

/** The call's row as it stands now; a person may have assigned an entity since the run began. */
export async function readCall(db: Queryable, callId: string): Promise<CallFacts> {
  return await db.selectFrom('callsift.calls').selectAll().where('id', '=', callId).executeTakeFirstOrThrow()
}

/**
 * Stores what locate learned of a call, and claims its activity's name. When another call holds that name already, the two
 * are one: this one is marked as merged into the other, and the other's id is returned.
 */
export async function learnActivity(
  db: Queryable,
  call: { id: string; portalId: string },
  activityId: string,
): Promise<{ mergedInto: string | null }> {
  const identity = `${call.portalId}|activity|${activityId}`
  await sql`insert into callsift.call_identities (identity, call_id) values (${identity}, ${call.id}) on conflict do nothing`.execute(
    db,
  )
  const owner = await db
    .selectFrom('callsift.call_identities')
    .select('call_id')
    .where('identity', '=', identity)
    .executeTakeFirstOrThrow()
  if (owner.call_id === call.id) {
    await sql`update callsift.calls set activity_id = ${activityId} where id = ${call.id} and activity_id is distinct from ${activityId}`.execute(
      db,
    )
    return { mergedInto: null }
  }
  await sql`update callsift.calls set merged_into = ${owner.call_id} where id = ${call.id}`.execute(db)
  return { mergedInto: owner.call_id }
}

/** The names of `candidates` that no call holds yet. */
export async function unknownIdentities(db: Queryable, candidates: readonly string[]): Promise<Set<string>> {
  const known = await sql<{ identity: string }>`select identity from callsift.call_identities
    where identity = any(${candidates as string[]}::text[])`.execute(db)
  const found = new Set(known.rows.map((row) => row.identity))
  return new Set(candidates.filter((name) => !found.has(name)))
}
