import { sql } from 'kysely'
import type { Database, Queryable } from '../db/connect.ts'
import { createRun } from '../engine/create-run.ts'
import type { Registry } from '../engine/registry.ts'
import { hurry, rerunFrom } from '../engine/rerun.ts'
import { toStoredJson } from '../engine/stored-text.ts'
import { type IncomingCall, identitiesOf } from './incoming-call.ts'

export interface Acceptance {
  readonly outcome: 'accepted' | 'duplicate'
  /** Our own id of the call, as pages and the API name it. */
  readonly callId: string
  readonly runId: string
}

/**
 * Stores calls and sets them on their way, in one transaction: when it commits, they are accepted, and not before.
 * Each gets an inbox row. A call that stands already is not taken in twice; but news of it hurries a wait for its recording,
 * and reopens a run that had given up waiting.
 */
export async function acceptCalls<Context>(
  db: Database,
  registry: Registry<Context>,
  calls: readonly IncomingCall[],
): Promise<Acceptance[]> {
  // Names are claimed in one order by everybody, so that two transactions seldom wait for each other in a ring.
  const order = calls.map((call, index) => ({ call, index })).sort((a, b) => (key(a.call) < key(b.call) ? -1 : 1))
  for (let tries = 1; ; tries += 1) {
    try {
      return await db.transaction().execute(async (trx) => {
        const answers: Acceptance[] = new Array(calls.length)
        for (const { call, index } of order) answers[index] = await acceptOne(trx, registry, call)
        await noteEvents(trx, calls)
        return answers
      })
    } catch (error) {
      // Calls have two names, so no order of calls is an order of all names. Of a ring Postgres ends one transaction: it goes again.
      if (!isRing(error) || tries === maxTries) throw error
    }
  }
}

const maxTries = 5

function isRing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '40P01'
}

function key(call: IncomingCall): string {
  return identitiesOf(call).sort()[0] ?? ''
}

async function acceptOne<Context>(
  trx: Queryable,
  registry: Registry<Context>,
  call: IncomingCall,
): Promise<Acceptance> {
  const identities = identitiesOf(call)
  const [first] = identities
  if (first === undefined) throw new Error('a call needs a call id, an activity id, an idempotency key or a recording')
  const known = await findByIdentity(trx, identities)
  if (known !== null && identities.length > 1) await learnNames(trx, call, known.callId, identities)
  const standing = known ?? (await insertCall(trx, registry, call, identities))
  await keepDelivery(trx, call, standing)
  if (standing.outcome === 'duplicate') await wake(trx, registry, standing.runId)
  return standing
}

/** A delivery may know a standing call by one more name than those before it: claimed as well, for the deliveries that know only that one. */
async function learnNames(
  trx: Queryable,
  call: IncomingCall,
  callId: string,
  identities: readonly string[],
): Promise<void> {
  const learnt = await sql`
    insert into callsift.call_identities (identity, call_id)
    select identity, ${callId}::bigint from unnest(${[...identities].sort()}::text[]) as identity
    on conflict (identity) do nothing returning identity`.execute(trx)
  if (learnt.rows.length === 0) return
  await sql`update callsift.calls set call_ref = coalesce(call_ref, ${call.callRef ?? null}),
      activity_id = coalesce(activity_id, ${call.activityId ?? null}) where id = ${callId}`.execute(trx)
}

async function findByIdentity(trx: Queryable, identities: readonly string[]): Promise<Acceptance | null> {
  const found = await sql<{ id: string; run_id: string | null }>`
    select coalesce(m.id, c.id) as id, coalesce(m.run_id, c.run_id) as run_id
    from callsift.call_identities i join callsift.calls c on c.id = i.call_id
    left join callsift.calls m on m.id = c.merged_into
    where i.identity = any(${identities as string[]}::text[]) order by c.id limit 1`.execute(trx)
  const row = found.rows[0]
  return row === undefined ? null : { outcome: 'duplicate', callId: row.id, runId: row.run_id ?? '' }
}

async function insertCall<Context>(
  trx: Queryable,
  registry: Registry<Context>,
  call: IncomingCall,
  identities: readonly string[],
): Promise<Acceptance> {
  const reserved = await sql<{
    id: string
  }>`select nextval(pg_get_serial_sequence('callsift.calls', 'id')) as id`.execute(trx)
  const callId = reserved.rows[0]?.id ?? ''
  const claimed = await sql<{ identity: string }>`
    insert into callsift.call_identities (identity, call_id)
    select identity, ${callId}::bigint from unnest(${[...identities].sort()}::text[]) as identity
    on conflict (identity) do nothing returning identity`.execute(trx)
  if (claimed.rows.length < identities.length) {
    // Somebody committed this call between our look and our claim: what we know more than they did becomes theirs.
    const standing = await sql<{ call_id: string }>`select call_id from callsift.call_identities
      where identity = any(${identities as string[]}::text[]) and call_id <> ${callId} limit 1`.execute(trx)
    const ownerId = standing.rows[0]?.call_id ?? callId
    await sql`update callsift.call_identities set call_id = ${ownerId} where call_id = ${callId}`.execute(trx)
    const found = await findByIdentity(trx, identities)
    if (found === null) throw new Error(`the call ${identities.join(', ')} vanished while it was taken in`)
    return found
  }
  const run = await createRun(trx, registry, {
    workflow: 'call',
    key: identities[0] ?? callId,
    portalId: call.portalId,
    input: { callId },
    priority: call.source === 'backfill' ? 10 : 0,
  })
  await sql`insert into callsift.calls (id, portal_id, run_id, call_ref, activity_id, direction, phone, line, user_id, duration_s,
      started_at, source, entity_type_id, entity_id, upload_id, recording_url, dry_run)
    overriding system value
    values (${callId}, ${call.portalId}, ${run.runId}, ${call.callRef ?? null}, ${call.activityId ?? null}, ${call.direction ?? null},
      ${call.phone ?? null}, ${call.line ?? null}, ${call.userId ?? null}, ${call.durationSeconds ?? null}, ${call.startedAt ?? null},
      ${call.source}, ${call.entityTypeId ?? null}, ${call.entityId ?? null}, ${call.uploadId ?? null}, ${call.recordingUrl ?? null},
      ${call.dryRun ?? false})`.execute(trx)
  return { outcome: 'accepted', callId, runId: run.runId }
}

async function keepDelivery(trx: Queryable, call: IncomingCall, acceptance: Acceptance): Promise<void> {
  await sql`insert into callsift.inbox (portal_id, source, event, outcome, call_id, masked)
    values (${call.portalId}, ${call.source}, ${call.event ?? null}, ${acceptance.outcome}, ${acceptance.callId},
      ${toStoredJson(call.masked)}::jsonb)`.execute(trx)
}

/** Last in the transaction and in one order: a portal's row is one that all deliveries of the portal would wait for. */
async function noteEvents(trx: Queryable, calls: readonly IncomingCall[]): Promise<void> {
  const told = calls.filter((call) => call.source === 'event' || call.source === 'robot').map((call) => call.portalId)
  for (const portalId of [...new Set(told)].sort()) {
    await sql`update callsift.portals set last_event_at = clock_timestamp()
      where id = ${portalId} and (last_event_at is null or last_event_at < clock_timestamp() - interval '10 seconds')`.execute(
      trx,
    )
  }
}

async function wake<Context>(trx: Queryable, registry: Registry<Context>, runId: string): Promise<void> {
  if (runId === '') return
  await hurry(trx, runId, 'locateRecording')
  const gaveUp = await trx
    .selectFrom('callsift.runs')
    .select('id')
    .where('id', '=', runId)
    .where('state', '=', 'done')
    .where('class', '=', 'no_recording')
    .executeTakeFirst()
  if (gaveUp !== undefined) await rerunFrom(trx, registry, runId, 'locateRecording')
}

/** Keeps a delivery that was not taken in, with the reason and, masked, what it said. */
export async function keepRefused(
  db: Queryable,
  delivery: {
    portalId: string | null
    source: string
    event: string | null
    outcome: 'ignored' | 'refused'
    reason: string
    masked: Record<string, unknown>
  },
): Promise<void> {
  await sql`insert into callsift.inbox (portal_id, source, event, outcome, reason, masked)
    values (${delivery.portalId}, ${delivery.source}, ${delivery.event}, ${delivery.outcome}, ${delivery.reason},
      ${JSON.stringify(delivery.masked)}::jsonb)`.execute(db)
}
