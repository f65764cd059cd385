import { sql } from 'kysely'
import { againOnDeadlock } from '../db/again-on-deadlock.ts'
import type { Database, Queryable } from '../db/connect.ts'
import { createRuns } from '../engine/create-run.ts'
import type { Registry } from '../engine/registry.ts'
import { hurry, rerunFrom } from '../engine/rerun.ts'
import { toStoredJson } from '../engine/stored-text.ts'
import { type IncomingCall, identitiesOf } from './incoming-call.ts'
import { digestsOf, isErased, type Tombstones } from './tombstones.ts'

export interface Acceptance {
  /** `erased`: somebody had this call erased, and nothing of it is kept, not even that it was told of again. */
  readonly outcome: 'accepted' | 'duplicate' | 'erased'
  /** Our own id of the call, as pages and the API name it; empty for an erased one. */
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
  tombstones: Tombstones | null = null,
): Promise<Acceptance[]> {
  // Names are claimed in one order by everybody, so that two transactions seldom wait for each other in a ring.
  const order = calls.map((call, index) => ({ call, index })).sort((a, b) => (key(a.call) < key(b.call) ? -1 : 1))
  // Calls have two names, so no order of calls is an order of all names, and rings happen.
  return await againOnDeadlock(
    () =>
      db.transaction().execute(async (trx) => {
        const answers: Acceptance[] = new Array(calls.length)
        const { fresh, erased } = await pickFresh(trx, order, tombstones)
        for (const { index } of erased) answers[index] = { outcome: 'erased', callId: '', runId: '' }
        const inserted = await insertCalls(
          trx,
          registry,
          fresh.map(({ call }) => call),
        )
        for (const [place, { index }] of fresh.entries()) answers[index] = inserted[place] as Acceptance
        await acceptStanding(
          trx,
          registry,
          order.filter(({ index }) => answers[index] === undefined),
          answers,
        )
        await keepDeliveries(trx, calls, answers)
        await noteEvents(trx, calls)
        return answers
      }),
    (error) => error instanceof ClaimedMeanwhile,
  )
}

/** Another transaction claimed a name between our look and our claim; the next look sees whose it is. */
class ClaimedMeanwhile extends Error {
  override name = 'ClaimedMeanwhile'
}

type Placed = { readonly call: IncomingCall; readonly index: number }

/** Those that nobody has told of: no name of theirs is known, nor told by another call of the batch. */
async function pickFresh(
  trx: Queryable,
  order: readonly Placed[],
  tombstones: Tombstones | null,
): Promise<{ fresh: Placed[]; erased: Placed[] }> {
  const digests = tombstones === null ? [] : order.flatMap(({ call }) => digestsOf(tombstones, call))
  // One statement, so one moment: an erasure that commits now is seen either before, by the names, or after, by its tombstones.
  const known = await sql<{ name: string; erased_at: Date | null }>`
    select identity as name, null::timestamptz as erased_at from callsift.call_identities
    where identity = any(${order.flatMap(({ call }) => namesOf(call))}::text[])
    union all select digest, erased_at from callsift.tombstones where digest = any(${digests}::text[])`.execute(trx)
  const taken = new Set(known.rows.flatMap((row) => (row.erased_at === null ? [row.name] : [])))
  const erasedAt = new Map(
    known.rows.flatMap(({ name, erased_at }) => (erased_at === null ? [] : [[name, erased_at] as const])),
  )
  const erased = tombstones === null ? [] : order.filter(({ call }) => isErased(tombstones, erasedAt, call))
  const fresh = order.filter((placed) => {
    if (erased.includes(placed)) return false
    const names = namesOf(placed.call)
    const isFresh = names.every((name) => !taken.has(name))
    for (const name of names) taken.add(name)
    return isFresh
  })
  return { fresh, erased }
}

function namesOf(call: IncomingCall): string[] {
  const names = identitiesOf(call)
  if (names.length > 0) return names
  throw new Error('a call needs a call id, an activity id, an idempotency key or a recording')
}

function key(call: IncomingCall): string {
  return identitiesOf(call).sort()[0] ?? ''
}

/** Calls that stand, or that another call of the same batch has just told of: a few statements for all of them. */
async function acceptStanding<Context>(
  trx: Queryable,
  registry: Registry<Context>,
  told: readonly Placed[],
  answers: Acceptance[],
): Promise<void> {
  if (told.length === 0) return
  const known = await findByIdentity(
    trx,
    told.flatMap(({ call }) => namesOf(call)),
  )
  for (const { call, index } of told) {
    const names = namesOf(call)
    const standing = names
      .flatMap((name) => known.get(name) ?? [])
      .sort((a, b) => (BigInt(a.namedId) < BigInt(b.namedId) ? -1 : 1))[0]
    if (standing === undefined)
      throw new ClaimedMeanwhile(`the call ${names.join(', ')} vanished while it was taken in`)
    const { callId, runId } = standing
    if (names.some((name) => !known.has(name))) await learnNames(trx, call, callId, names)
    answers[index] = { outcome: 'duplicate', callId, runId }
  }
  await wake(trx, registry, [...new Set(told.flatMap(({ index }) => answers[index]?.runId || []))])
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

interface Standing {
  /** The call that has the name; it may have been merged into the one below. */
  readonly namedId: string
  readonly callId: string
  readonly runId: string
}

async function findByIdentity(trx: Queryable, identities: readonly string[]): Promise<Map<string, Standing>> {
  const found = await sql<{ identity: string; named_id: string; id: string; run_id: string | null }>`
    select i.identity, c.id as named_id, coalesce(m.id, c.id) as id, coalesce(m.run_id, c.run_id) as run_id
    from callsift.call_identities i join callsift.calls c on c.id = i.call_id
    left join callsift.calls m on m.id = c.merged_into
    where i.identity = any(${identities as string[]}::text[])`.execute(trx)
  return new Map(
    found.rows.map((row) => [row.identity, { namedId: row.named_id, callId: row.id, runId: row.run_id ?? '' }]),
  )
}

/** All of them with a handful of statements: a mass of calls that end together must not cost a mass of round trips. */
async function insertCalls<Context>(
  trx: Queryable,
  registry: Registry<Context>,
  calls: readonly IncomingCall[],
): Promise<Acceptance[]> {
  if (calls.length === 0) return []
  const reserved = await sql<{ id: string }>`select nextval(pg_get_serial_sequence('callsift.calls', 'id')) as id
    from generate_series(1, ${calls.length}::int)`.execute(trx)
  const ids = reserved.rows.map((row) => row.id)
  const names = calls
    .flatMap((call, place) => namesOf(call).map((identity) => ({ identity, call_id: ids[place] ?? '' })))
    .sort((a, b) => (a.identity < b.identity ? -1 : 1))
  const claimed = await sql`
    insert into callsift.call_identities (identity, call_id)
    select identity, call_id from unnest(${names.map((one) => one.identity)}::text[], ${names.map((one) => one.call_id)}::bigint[])
      as t (identity, call_id)
    on conflict (identity) do nothing returning identity`.execute(trx)
  if (claimed.rows.length < names.length) throw new ClaimedMeanwhile('a call was told of by two at once')
  const runIds = await createRuns(
    trx,
    registry,
    'call',
    calls.map((call, place) => ({
      key: namesOf(call)[0] ?? '',
      portalId: call.portalId,
      input: { callId: ids[place] ?? '', ...(call.transcriptOnly === true ? { transcriptOnly: true } : {}) },
      priority: call.source === 'backfill' ? 10 : 0,
    })),
  )
  const rows = calls.map((call, place) => ({
    id: ids[place],
    portal_id: call.portalId,
    run_id: runIds[place],
    call_ref: call.callRef,
    activity_id: call.activityId,
    direction: call.direction,
    phone: call.phone,
    line: call.line,
    user_id: call.userId,
    duration_s: call.durationSeconds,
    started_at: call.startedAt,
    source: call.source,
    entity_type_id: call.entityTypeId,
    entity_id: call.entityId,
    upload_id: call.uploadId,
    recording_url: call.recordingUrl,
    dry_run: call.dryRun ?? false,
  }))
  await sql`insert into callsift.calls (id, portal_id, run_id, call_ref, activity_id, direction, phone, line, user_id, duration_s,
      started_at, source, entity_type_id, entity_id, upload_id, recording_url, dry_run)
    overriding system value
    select * from jsonb_to_recordset(${toStoredJson(rows)}::jsonb) as t (id bigint, portal_id text, run_id bigint, call_ref text,
      activity_id text, direction text, phone text, line text, user_id text, duration_s int, started_at timestamptz, source text,
      entity_type_id int, entity_id text, upload_id bigint, recording_url text, dry_run boolean)`.execute(trx)
  return calls.map((_call, place) => ({ outcome: 'accepted', callId: ids[place] ?? '', runId: runIds[place] ?? '' }))
}

async function keepDeliveries(
  trx: Queryable,
  calls: readonly IncomingCall[],
  answers: readonly Acceptance[],
): Promise<void> {
  const rows = calls.flatMap((call, index) => {
    const answer = answers[index]
    if (answer === undefined || answer.outcome === 'erased') return []
    const { outcome, callId } = answer
    return {
      portal_id: call.portalId,
      source: call.source,
      event: call.event,
      outcome,
      call_id: callId,
      masked: call.masked,
    }
  })
  await sql`insert into callsift.inbox (portal_id, source, event, outcome, call_id, masked)
    select * from jsonb_to_recordset(${toStoredJson(rows)}::jsonb)
      as t (portal_id text, source text, event text, outcome text, call_id bigint, masked jsonb)`.execute(trx)
}

/** Last in the transaction and in one order: a portal's row is one that all deliveries of the portal would wait for. */
async function noteEvents(trx: Queryable, calls: readonly IncomingCall[]): Promise<void> {
  const told = calls.filter((call) => call.source === 'event' || call.source === 'robot').map((call) => call.portalId)
  if (told.length === 0) return
  // One statement however many portals: a round trip each was most of what a batch waited for.
  await sql`update callsift.portals set last_event_at = clock_timestamp() where id in (
      select id from callsift.portals
      where id = any(${[...new Set(told)]}::text[])
        and (last_event_at is null or last_event_at < clock_timestamp() - interval '10 seconds')
      order by id for update)`.execute(trx)
}

/** Whoever waits for the recording of such a call looks again now, and who had given up begins again. */
async function wake<Context>(trx: Queryable, registry: Registry<Context>, runIds: readonly string[]): Promise<void> {
  if (runIds.length === 0) return
  await hurry(trx, runIds, 'locateRecording')
  const gaveUp = await trx
    .selectFrom('callsift.runs')
    .select('id')
    .where('id', 'in', runIds)
    .where('state', '=', 'done')
    .where('class', '=', 'no_recording')
    .orderBy('id')
    .execute()
  for (const { id } of gaveUp) await rerunFrom(trx, registry, id, 'locateRecording')
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
