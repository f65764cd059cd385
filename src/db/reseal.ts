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
    for (const row of stale) {
      resealed += await replaceSealed(db, row, sealer.seal(sealer.unseal(row.sealed, row.aad), row.aad))
    }
  }
}

interface SealedRow {
  readonly table: 'portals' | 'meta' | 'router_credentials'
  readonly id: string
  readonly aad: string
  readonly sealed: string
}

/** Only where it still stands as it was read. */
async function replaceSealed(db: Database, { table, id, sealed }: SealedRow, next: string): Promise<number> {
  const statements = {
    portals: sql`update callsift.portals set api_key_sealed = ${next} where id = ${id} and api_key_sealed = ${sealed}`,
    meta: sql`update callsift.meta set value = ${next} where key = ${id} and value = ${sealed}`,
    router_credentials: sql`update callsift.router_credentials set key_sealed = ${next}
      where id = ${id}::uuid and key_sealed = ${sealed}`,
  }
  const changed = await statements[table].execute(db)
  return Number(changed.numAffectedRows ?? 0n)
}

async function listSealed(db: Database): Promise<SealedRow[]> {
  const rows = await sql<SealedRow>`
    select 'portals' as "table", id, id as aad, api_key_sealed as sealed from callsift.portals
    union all select 'meta', key, key, value from callsift.meta where key in ('tombstone_key', 'router_key')
    union all select 'router_credentials', id::text, tenant || ' ' || id || ' ' || base_url, key_sealed
      from callsift.router_credentials where key_sealed is not null`.execute(db)
  return rows.rows
}
