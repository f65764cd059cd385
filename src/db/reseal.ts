import { sql } from 'kysely'
import type { Sealer } from '../seal.ts'
import type { Database } from './connect.ts'

/**
 * Seals what another key has sealed with the one in force, row by row; a row that changes meanwhile is looked at again. It can be cut
 * off and begun anew at any point. Throws `UsageError` where neither key opens a row: nothing is dropped.
 */
export async function resealPortals(db: Database, sealer: Sealer): Promise<{ resealed: number; current: number }> {
  let resealed = 0
  for (;;) {
    const rows = await listSealed(db)
    const stale = rows.filter((row) => !sealer.isCurrent(row.sealed))
    if (stale.length === 0) return { resealed, current: rows.length }
    for (const { table, id, aad, sealed } of stale) {
      const next = sealer.seal(sealer.unseal(sealed, aad), aad)
      const changed =
        table === 'portals'
          ? await sql`update callsift.portals set api_key_sealed = ${next} where id = ${id} and api_key_sealed = ${sealed}`.execute(
              db,
            )
          : await sql`update callsift.meta set value = ${next} where key = ${id} and value = ${sealed}`.execute(db)
      resealed += Number(changed.numAffectedRows ?? 0n)
    }
  }
}

async function listSealed(
  db: Database,
): Promise<{ table: 'portals' | 'meta'; id: string; aad: string; sealed: string }[]> {
  const rows = await sql<{ table: 'portals' | 'meta'; id: string; aad: string; sealed: string }>`
    select 'portals' as "table", id, id as aad, api_key_sealed as sealed from callsift.portals
    union all select 'meta', key, key, value from callsift.meta where key = 'tombstone_key'`.execute(db)
  return rows.rows
}
