import { sql } from 'kysely'
import { digestToken, keyIdOf, type Sealer } from '../seal.ts'
import { againOnDeadlock } from './again-on-deadlock.ts'
import type { Database, Queryable } from './connect.ts'
import type { PortalSettings } from './portal-settings.ts'

/** A Bitrix24 portal as the program works with it. The API key is opened only where a client is made. */
export interface Portal {
  readonly id: string
  readonly memberId: string
  readonly domain: string | null
  readonly name: string
  readonly baseUrl: string
  readonly keyId: string
  readonly sealedKey: string
  readonly tokenHashes: readonly string[]
  readonly robotSecretHash: string | null
  readonly writeEnabled: boolean
  readonly sandbox: boolean
  readonly settings: PortalSettings
  readonly addedAt: Date
  readonly lastEventAt: Date | null
  readonly reconciledAt: Date | null
  /** Calls that the last reconcile found and no event had told of. */
  readonly reconcileFound: number
}

export interface NewPortal {
  readonly id: string
  readonly memberId: string
  readonly domain?: string | null
  readonly name: string
  readonly baseUrl: string
  readonly apiKey: string
  /** Absent for a portal that is polled only. */
  readonly applicationToken?: string | undefined
  readonly robotSecret?: string | undefined
  readonly writeEnabled: boolean
  readonly sandbox: boolean
  readonly settings?: PortalSettings
}

type Row = Awaited<ReturnType<typeof selectRows>>[number]

function selectRows(db: Queryable) {
  return db.selectFrom('callsift.portals').selectAll().orderBy('added_at').execute()
}

function read(row: Row): Portal {
  return {
    id: row.id,
    memberId: row.member_id,
    domain: row.domain,
    name: row.name,
    baseUrl: row.base_url,
    keyId: row.key_id,
    sealedKey: row.api_key_sealed,
    tokenHashes: row.token_hashes,
    robotSecretHash: row.robot_secret_hash,
    writeEnabled: row.write_enabled,
    sandbox: row.sandbox,
    settings: row.settings,
    addedAt: row.added_at,
    lastEventAt: row.last_event_at,
    reconciledAt: row.reconciled_at,
    reconcileFound: row.reconcile_found,
  }
}

export async function listPortals(db: Queryable): Promise<Portal[]> {
  return (await selectRows(db)).map(read)
}

export async function findPortal(db: Queryable, id: string): Promise<Portal | null> {
  const row = await db.selectFrom('callsift.portals').selectAll().where('id', '=', id).executeTakeFirst()
  return row === undefined ? null : read(row)
}

/**
 * Adds a portal, or changes the one with this member id. A new application token goes before the standing one, which stays
 * good: tokens can be turned over without a gap.
 */
export async function savePortal(db: Database, sealer: Sealer, portal: NewPortal): Promise<Portal> {
  const hash = portal.applicationToken === undefined ? null : digestToken(portal.applicationToken)
  const robot = portal.robotSecret === undefined ? null : digestToken(portal.robotSecret)
  await sql`
    insert into callsift.portals as p (id, member_id, domain, name, base_url, api_key_sealed, key_id, token_hashes,
      robot_secret_hash, write_enabled, sandbox, settings)
    values (${portal.id}, ${portal.memberId}, ${portal.domain ?? null}, ${portal.name}, ${portal.baseUrl},
      ${sealer.seal(portal.apiKey, portal.id)}, ${keyIdOf(portal.apiKey)}, ${hash === null ? [] : [hash]}::text[], ${robot},
      ${portal.writeEnabled}, ${portal.sandbox}, ${JSON.stringify(portal.settings ?? {})}::jsonb)
    on conflict (id) do update set member_id = excluded.member_id, domain = coalesce(excluded.domain, p.domain), name = excluded.name,
      base_url = excluded.base_url, api_key_sealed = excluded.api_key_sealed, key_id = excluded.key_id,
      token_hashes = case when cardinality(excluded.token_hashes) = 0 or p.token_hashes[1:1] = excluded.token_hashes then p.token_hashes
        else excluded.token_hashes || p.token_hashes[1:1] end,
      robot_secret_hash = coalesce(excluded.robot_secret_hash, p.robot_secret_hash),
      write_enabled = excluded.write_enabled, sandbox = excluded.sandbox, settings = p.settings || excluded.settings`.execute(
    db,
  )
  const saved = await findPortal(db, portal.id)
  if (saved === null) throw new Error(`portal ${portal.id} was not stored`)
  return saved
}

export async function setPortalWrite(db: Queryable, id: string, writeEnabled: boolean): Promise<boolean> {
  const changed =
    await sql`update callsift.portals set write_enabled = ${writeEnabled} where id = ${id} returning id`.execute(db)
  return changed.rows.length > 0
}

export async function setPortalSettings(db: Queryable, id: string, settings: PortalSettings): Promise<void> {
  await sql`update callsift.portals set settings = ${JSON.stringify(settings)}::jsonb where id = ${id}`.execute(db)
}

/**
 * Takes the portal out of service, and its open runs with it: without a key nothing of them can go on. Calls and runs stay for the
 * record. Returns how many runs were ended; null where there is no such portal.
 */
export async function removePortal(db: Database, id: string): Promise<number | null> {
  const remove = async (trx: Queryable): Promise<number | null> => {
    const removed = await sql`delete from callsift.portals where id = ${id} returning id`.execute(trx)
    if (removed.rows.length === 0) return null
    // The runs first: who is storing a result holds its run, and what it creates is seen by the statement after.
    const ended = await sql`update callsift.runs set state = 'cancelled', class = 'portal_removed', updated_at = now(),
      finished_at = now() where portal_id = ${id} and state in ('running', 'parked') returning id`.execute(trx)
    await sql`update callsift.steps set state = 'cancelled', fence = fence + 1, worker_id = null, finished_at = now()
      where portal_id = ${id} and state in ('ready', 'dispatched', 'running', 'parked', 'joining')`.execute(trx)
    return ended.rows.length
  }
  return await againOnDeadlock(() => db.transaction().execute(remove))
}

export async function notePortalEvent(db: Queryable, id: string): Promise<void> {
  await sql`update callsift.portals set last_event_at = clock_timestamp() where id = ${id}`.execute(db)
}

/** Hands the portal's reconcile to one process: false when it is not due, or another has it. */
export async function takeReconcile(
  db: Database,
  id: string,
  options: { everyMs: number; leaseMs: number },
): Promise<boolean> {
  const taken =
    await sql`update callsift.portals set reconcile_lease_until = clock_timestamp() + ${options.leaseMs} * interval '1 millisecond'
    where id = ${id} and (reconcile_lease_until is null or reconcile_lease_until < clock_timestamp())
      and coalesce(reconciled_at, added_at) <= clock_timestamp() - ${options.everyMs} * interval '1 millisecond'
    returning id`.execute(db)
  return taken.rows.length > 0
}

/** `found` null: the portal could not be asked, so what the last round found stands. */
export async function finishReconcile(db: Database, id: string, found: number | null): Promise<void> {
  await sql`update callsift.portals set reconciled_at = clock_timestamp(), reconcile_lease_until = null,
      reconcile_found = coalesce(${found}::int, reconcile_found) where id = ${id}`.execute(db)
}
