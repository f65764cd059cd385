import { sql } from 'kysely'
import type { Connection, Database, Queryable } from './connect.ts'

/** A call with all that hangs on it, as far as an erasure must know it. */
export interface Erasable {
  readonly id: string
  readonly portalId: string
  readonly callRef: string | null
  readonly activityId: string | null
  readonly runId: string | null
  readonly uploadId: string | null
  readonly phone: string | null
}

/** Entries that stand in the CRM, which has no way to delete them for a program. */
export interface StandingEntry {
  readonly portalId: string
  /** `timeline`, or what was done beside the entry: `fields`, `dialogue`, `bind`, `alert`, `trigger`. */
  readonly kind: string
  readonly target: unknown
  readonly externalId: string | null
  readonly state: string
}

const facts = sql`c.id, c.portal_id as "portalId", c.call_ref as "callRef", c.activity_id as "activityId", c.run_id as "runId",
  c.upload_id as "uploadId", c.phone`

/** Those of a person's number, compared by its last ten digits, and those that were merged with them. */
export async function listByPhone(db: Queryable, digits: string, portalId: string | null): Promise<Erasable[]> {
  const found = await sql<Erasable>`select ${facts} from callsift.calls c
    where (${portalId}::text is null or c.portal_id = ${portalId})
      and right(regexp_replace(coalesce(c.phone, ''), '[^0-9]', '', 'g'), 10) = ${digits} order by c.id`.execute(db)
  return await withMerged(db, found.rows)
}

export async function listByIds(db: Queryable, ids: readonly string[]): Promise<Erasable[]> {
  const found = await sql<Erasable>`select ${facts} from callsift.calls c
    where c.id = any(${ids as string[]}::bigint[])`.execute(db)
  return await withMerged(db, found.rows)
}

async function withMerged(db: Queryable, calls: readonly Erasable[]): Promise<Erasable[]> {
  if (calls.length === 0) return []
  const ids = calls.map((call) => call.id)
  const all = await sql<Erasable>`select ${facts} from callsift.calls c
    where c.id = any(${ids}::bigint[]) or c.merged_into = any(${ids}::bigint[])
      or c.id in (select m.merged_into from callsift.calls m where m.id = any(${ids}::bigint[])) order by c.id`.execute(
    db,
  )
  return all.rows
}

export async function listNames(db: Queryable, callId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('callsift.call_identities')
    .select('identity')
    .where('call_id', '=', callId)
    .execute()
  return rows.map((row) => row.identity)
}

export async function listStandingEntries(db: Queryable, runId: string): Promise<StandingEntry[]> {
  const rows = await sql<StandingEntry>`select portal_id as "portalId", kind, target, external_id as "externalId", state
    from callsift.effects where run_id = ${runId} and state in ('sent', 'written') order by intent_no`.execute(db)
  return rows.rows
}

/** Takes the run's steps from whoever works on them: nothing that ends from here on is stored, and no further request passes. */
export async function stopRun(trx: Queryable, runId: string): Promise<void> {
  await sql`select id from callsift.runs where id = ${runId} for update`.execute(trx)
  await sql`update callsift.runs set state = 'cancelled', class = 'cancelled', updated_at = now(), finished_at = now()
    where id = ${runId} and state in ('running', 'parked')`.execute(trx)
  await sql`update callsift.steps set state = 'cancelled', fence = fence + 1, finished_at = now()
    where run_id = ${runId} and state in ('ready', 'dispatched', 'running', 'parked', 'joining')`.execute(trx)
}

/** Attempts that a living worker has not ended yet. */
export async function countOpenAttempts(db: Database, runIds: readonly string[]): Promise<number> {
  const open = await sql<{ n: number }>`select count(*)::int as n from callsift.attempts a
    join callsift.steps s on s.id = a.step_id join callsift.workers w on w.id = a.worker_id
    where s.run_id = any(${runIds}::bigint[]) and a.finished_at is null`.execute(db)
  return open.rows[0]?.n ?? 0
}

/** Removes the call's rows everywhere, and its names from what stays (the audit). Returns how many rows went, by table. */
export async function removeCall(trx: Queryable, call: Erasable): Promise<Record<string, number>> {
  const count = async (query: ReturnType<typeof sql>) => Number((await query.execute(trx)).numAffectedRows ?? 0n)
  const names = [
    call.id,
    call.callRef,
    call.activityId,
    call.activityId === null ? null : `activity:${call.activityId}`,
  ]
  const subjects = names.filter((name) => name !== null).map((name) => `call ${name}`)
  await sql`update callsift.audit set subject = 'call (erased)', detail = jsonb_build_object('outcome', detail->'outcome')
    where subject = any(${subjects}::text[])`.execute(trx)
  const removed: Record<string, number> = {
    deliveries: await count(sql`delete from callsift.inbox where call_id = ${call.id}`),
    names: await count(sql`delete from callsift.call_identities where call_id = ${call.id}`),
    calls: await count(sql`delete from callsift.calls where id = ${call.id}`),
    reviews: await count(sql`delete from callsift.reviews where call_id = ${call.id}`),
  }
  await sql`delete from callsift.bulk_retry_calls where call_id = ${call.id}`.execute(trx)
  // What was answered to a request about the call.
  await sql`update callsift.idempotency set answer = null where action = any(${subjects}::text[])`.execute(trx)
  if (call.uploadId !== null)
    removed['uploads'] = await count(sql`delete from callsift.uploads u where u.id = ${call.uploadId}
      and not exists (select 1 from callsift.calls c where c.upload_id = u.id)`)
  if (call.runId === null) return removed
  removed['steps'] = await count(sql`delete from callsift.steps where run_id = ${call.runId}`)
  removed['effects'] = await count(sql`delete from callsift.effects where run_id = ${call.runId}`)
  removed['runs'] = await count(sql`delete from callsift.runs where id = ${call.runId}`)
  return removed
}

/** Deliveries that named the call or the number but were not tied to it: masked, refused, ignored. */
export async function removeLooseDeliveries(trx: Queryable, call: Erasable): Promise<number> {
  const names = [call.callRef, call.activityId].filter((name): name is string => name !== null)
  if (names.length === 0) return 0
  const gone = await sql`delete from callsift.inbox where portal_id = ${call.portalId}
    and (masked->>'callRef' = any(${names}::text[]) or masked->>'callId' = any(${names}::text[])
      or masked->>'activityId' = any(${names}::text[]))`.execute(trx)
  return Number(gone.numAffectedRows ?? 0n)
}

const touched = [
  'inbox',
  'calls',
  'call_identities',
  'runs',
  'steps',
  'attempts',
  'effects',
  'lead_scores',
  'contact_reads',
  'bot_messages',
  'uploads',
  'upload_chunks',
  'audit',
  'alerts',
  'reviews',
  'idempotency',
]

/**
 * Deleted rows stand on in the database's files until their place is written over. `rewrite` writes the tables anew, which holds up
 * whoever uses them meanwhile; without it the place is freed for reuse only. Returns what could not be done.
 */
export async function clearFiles(connection: Connection, rewrite: boolean): Promise<string[]> {
  const left: string[] = []
  const attempt = async (statement: string, what: string) => {
    try {
      await connection.pool.query(statement)
    } catch (error) {
      left.push(`${what}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  for (const table of touched) await attempt(`vacuum ${rewrite ? '(full) ' : ''}callsift.${table}`, `table ${table}`)
  if (!rewrite) return left
  // The log of changes holds them too. A segment that is put aside for reuse would keep its old bytes.
  await attempt('set wal_recycle = off', 'log segments')
  await attempt('select pg_switch_wal()', 'log segments')
  await attempt('checkpoint', 'log segments')
  await attempt('checkpoint', 'log segments')
  return left
}
