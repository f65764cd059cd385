import { sql } from 'kysely'
import { againOnDeadlock } from '../db/again-on-deadlock.ts'
import type { Database, Queryable } from '../db/connect.ts'
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
  const told = calls.map((call, index) => ({
    call,
    index,
    names: namesOf(call),
    digests: tombstones === null ? [] : digestsOf(tombstones, call),
  }))
  const isEachOnce = firstOfEach(told).length === told.length
  const accepted: Acceptance[] = new Array(calls.length)
  // Calls have two names, so no order of calls is an order of all names, and rings happen.
  return await againOnDeadlock(async () => {
    // One statement is a transaction of its own, and nearly every batch needs no more.
    if (isEachOnce) await acceptNew(db, registry, unanswered(told, accepted), accepted)
    if (unanswered(told, accepted).length === 0) return accepted
    const answers = [...accepted]
    await db.transaction().execute(async (trx) => await acceptRest(trx, registry, told, answers, tombstones))
    return answers
  }, isClaimedMeanwhile)
}

const unanswered = (told: readonly Told[], answers: readonly Acceptance[]) =>
  told.filter(({ index }) => answers[index] === undefined)

/** What is not answered yet: calls that stand, that were erased, or that the batch itself tells of twice. */
async function acceptRest<Context>(
  trx: Queryable,
  registry: Registry<Context>,
  told: readonly Told[],
  answers: Acceptance[],
  tombstones: Tombstones | null,
): Promise<void> {
  const open = () => unanswered(told, answers)
  const news = firstOfEach(open())
  await acceptNew(trx, registry, news, answers)
  const buried = await findBuried(
    trx,
    open().flatMap(({ digests }) => digests),
  )
  if (tombstones !== null && buried.size > 0) {
    for (const { call, index } of open())
      if (isErased(tombstones, buried, call)) answers[index] = { outcome: 'erased', callId: '', runId: '' }
    // An erased number that calls again is a new call; an erasure that commits only now is still seen by its own digests.
    const again = firstOfEach(open()).map((one) => ({
      ...one,
      digests: one.digests.filter((digest) => !buried.has(digest)),
    }))
    await acceptNew(trx, registry, again, answers)
  }
  const standing = open()
  await acceptStanding(trx, registry, standing, answers)
  await keepDuplicates(trx, standing, answers)
  await noteEvents(
    trx,
    standing.map(({ call }) => call),
  )
}

interface Told {
  readonly call: IncomingCall
  readonly index: number
  readonly names: readonly string[]
  readonly digests: readonly string[]
}

/** Those that no other before them in the batch shares a name with. */
function firstOfEach(told: readonly Told[]): Told[] {
  const taken = new Set<string>()
  return told.filter(({ names }) => {
    const isFirst = names.every((name) => !taken.has(name))
    for (const name of names) taken.add(name)
    return isFirst
  })
}

/** Another transaction claimed a name between our look and our claim; the next look sees whose it is. */
class ClaimedMeanwhile extends Error {
  override name = 'ClaimedMeanwhile'
}

/** By our own look, by `accept_new` (40001), or by the run that the other one's claim has made under the same key (23505). */
function isClaimedMeanwhile(error: unknown): boolean {
  if (error instanceof ClaimedMeanwhile) return true
  return error instanceof Error && 'code' in error && (error.code === '40001' || error.code === '23505')
}

function namesOf(call: IncomingCall): string[] {
  const names = identitiesOf(call)
  if (names.length > 0) return names
  throw new Error('a call needs a call id, an activity id, an idempotency key or a recording')
}

/** Those that nobody has told of and nobody has erased get their answers. The statement stands in the record (migration `intake`). */
async function acceptNew<Context>(
  db: Queryable,
  registry: Registry<Context>,
  told: readonly Told[],
  answers: Acceptance[],
): Promise<void> {
  if (told.length === 0) return
  const [first] = registry.workflow('call').steps
  if (first === undefined || first.each) throw new Error('the workflow of a call does not begin with a single step')
  const rows = told.map(({ call, index, names, digests }) => ({
    place: index,
    names,
    digests,
    portal_id: call.portalId,
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
    event: call.event,
    masked: call.masked,
    priority: call.source === 'backfill' ? 10 : 0,
    input: call.transcriptOnly === true ? { transcriptOnly: true } : {},
  }))
  const { step } = first
  const accepted = await sql<{ place: number; call_id: string; run_id: string }>`
    select * from callsift.accept_new(${toStoredJson(rows)}::jsonb, 'call', ${step.name}, ${step.queue}, ${step.family},
      ${portalsTold(told.map(({ call }) => call))}::text[])`.execute(db)
  for (const row of accepted.rows) answers[row.place] = { outcome: 'accepted', callId: row.call_id, runId: row.run_id }
}

async function findBuried(trx: Queryable, digests: readonly string[]): Promise<Map<string, Date>> {
  if (digests.length === 0) return new Map()
  const rows = await trx
    .selectFrom('callsift.tombstones')
    .select(['digest', 'erased_at'])
    .where('digest', 'in', digests)
    .execute()
  return new Map(rows.map((row) => [row.digest, row.erased_at]))
}

/** Calls that stand, or that another call of the same batch has just told of: a few statements for all of them. */
async function acceptStanding<Context>(
  trx: Queryable,
  registry: Registry<Context>,
  told: readonly Told[],
  answers: Acceptance[],
): Promise<void> {
  if (told.length === 0) return
  const known = await findByIdentity(
    trx,
    told.flatMap(({ names }) => names),
  )
  for (const { call, index, names } of told) {
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

async function keepDuplicates(trx: Queryable, told: readonly Told[], answers: readonly Acceptance[]): Promise<void> {
  if (told.length === 0) return
  const rows = told.map(({ call, index }) => ({
    portal_id: call.portalId,
    source: call.source,
    event: call.event,
    call_id: answers[index]?.callId,
    masked: call.masked,
  }))
  await sql`insert into callsift.inbox (portal_id, source, event, outcome, call_id, masked)
    select portal_id, source, event, 'duplicate', call_id, masked from jsonb_to_recordset(${toStoredJson(rows)}::jsonb)
      as t (portal_id text, source text, event text, call_id bigint, masked jsonb)`.execute(trx)
}

function portalsTold(calls: readonly IncomingCall[]): string[] {
  return [
    ...new Set(calls.flatMap(({ source, portalId }) => (source === 'event' || source === 'robot' ? [portalId] : []))),
  ]
}

/** Last in the transaction and in one order: a portal's row is one that all deliveries of the portal would wait for. */
async function noteEvents(trx: Queryable, calls: readonly IncomingCall[]): Promise<void> {
  const told = portalsTold(calls)
  if (told.length === 0) return
  // One statement however many portals: a round trip each was most of what a batch waited for.
  await sql`update callsift.portals set last_event_at = clock_timestamp() where id in (
      select id from callsift.portals
      where id = any(${told}::text[])
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
