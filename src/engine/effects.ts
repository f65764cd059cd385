import { sql } from 'kysely'
import type { Database } from '../db/connect.ts'
import { isStepFailure, Later, Retry } from '../errors.ts'
import type { Claim } from './claim.ts'

export interface Write {
  /** (call, kind, intentNo): two writes with one key are the same write. */
  readonly key: string
  readonly kind: string
  readonly intentNo: number
  /** A text that stands in what is written, by which a read-back knows it again. */
  readonly marker: string
  readonly target: unknown
  /** Sends once, and only while `notAfter` (on performance.now()'s clock, ms) has not passed. Returns the upstream's id. */
  send(notAfter: number): Promise<string>
  /** Looks for the marker where an earlier attempt wrote to (`target`, as stored then), since `sentAt`; null = not there (yet). */
  readBack(sentAt: Date, target: unknown): Promise<string | null>
}

export interface Written {
  readonly externalId: string
  /** `written` by this attempt; `found` after doubt; `kept` = an earlier run had already written it. */
  readonly how: 'written' | 'found' | 'kept'
}

interface EffectRow {
  state: 'intent' | 'sent' | 'written'
  external_id: string | null
  sent_at: Date | null
  age_ms: number | null
  target: unknown
  /** Set on a record that was brought back from a backup: what was written from then on may be missing here. */
  unsure_since: Date | null
}

/** The bytes must have left this soon after the intent was stamped, so that the read-back's patience holds. */
const leaveWithinMs = 5_000

/**
 * Writes something that can neither be repeated safely nor undone: intent first, then one send, then the id; after any doubt
 * (docs/decisions/0006) it looks before it sends again, and a "not there" counts only `doubtWaitMs` after the send.
 */
export async function writeOnce(
  db: Database,
  claim: Pick<Claim, 'runId' | 'stepId' | 'portalId' | 'fence'>,
  write: Write,
  limits: { doubtWaitMs: number },
): Promise<Written> {
  const stampedAt = await openIntent(db, claim, write)
  if (stampedAt !== null) return await sendOnce(db, write, stampedAt, limits)
  const effect = await readEffect(db, write.key)
  if (effect.state === 'written') return { externalId: effect.external_id ?? '', how: 'kept' }
  if (effect.state === 'sent' && effect.sent_at !== null) {
    const found = await lookBack(write, effect.sent_at, effect.target)
    if (found !== null) return await settle(db, write.key, found, 'found')
    const leftMs = limits.doubtWaitMs - (effect.age_ms ?? 0)
    if (leftMs > 0) throw stillInDoubt(leftMs, write)
  }
  if (effect.state === 'intent' && effect.unsure_since !== null) {
    const found = await lookBack(write, effect.unsure_since, write.target)
    if (found !== null) return await settle(db, write.key, found, 'found')
  }
  return await sendOnce(db, write, await stampSent(db, claim, write, effect.sent_at), limits)
}

/** Whether this write was begun before, be it by an attempt whose worker died. */
export async function isWriteBegun(db: Database, key: string): Promise<boolean> {
  const rows = await sql`select 1 from callsift.effects where key = ${key}`.execute(db)
  return rows.rows.length > 0
}

/** The one send of an intent that this attempt has stamped. */
async function sendOnce(db: Database, write: Write, sentAt: Date, limits: { doubtWaitMs: number }): Promise<Written> {
  try {
    return await settle(db, write.key, await write.send(performance.now() + leaveWithinMs), 'written')
  } catch (error) {
    if (!isDoubtful(error)) {
      await sql`update callsift.effects set state = 'intent', sent_at = null
        where key = ${write.key} and state = 'sent' and sent_at = ${sentAt}`.execute(db)
      throw error
    }
    const found = await lookBack(write, sentAt, write.target)
    if (found !== null) return await settle(db, write.key, found, 'found')
    throw stillInDoubt(limits.doubtWaitMs, write, error)
  }
}

/** On a record that was brought back from a backup, what was written from this moment on may be missing. */
const unsureSince = (
  runId: unknown,
) => sql`(select (m.value::json->>'from')::timestamptz from callsift.meta m, callsift.runs r
  where m.key = 'restored' and r.id = ${runId} and r.created_at < (m.value::json->>'until')::timestamptz)`

/**
 * A write that was never meant before is stamped as sent in the same commit that makes its intent. Null where an intent stands already,
 * or where one may be missing: then it is looked at first.
 */
async function openIntent(
  db: Database,
  claim: Pick<Claim, 'runId' | 'stepId' | 'portalId' | 'fence'>,
  write: Write,
): Promise<Date | null> {
  const made = await sql<{ sent_at: Date | null }>`
    insert into callsift.effects (key, kind, intent_no, run_id, step_id, portal_id, fence, marker, target, state, sent_at)
    select ${write.key}, ${write.kind}, ${write.intentNo}::integer, ${claim.runId}::bigint, ${claim.stepId}::bigint, ${claim.portalId},
      ${claim.fence}::integer, ${write.marker}, ${JSON.stringify(write.target)}::jsonb,
      case when u.since is null then 'sent' else 'intent' end,
      case when u.since is null then date_trunc('milliseconds', clock_timestamp()) end
    from (select ${unsureSince(claim.runId)} as since) u
    on conflict (key) do nothing returning sent_at`.execute(db)
  return made.rows[0]?.sent_at ?? null
}

async function readEffect(db: Database, key: string): Promise<EffectRow> {
  const rows = await sql<EffectRow>`select state, external_id, sent_at, target,
      extract(epoch from clock_timestamp() - sent_at)::float8 * 1000 as age_ms,
      ${unsureSince(sql.ref('e.run_id'))} as unsure_since
    from callsift.effects e where key = ${key}`.execute(db)
  const row = rows.rows[0]
  if (row === undefined) throw new Error(`the intent ${key} vanished`)
  return row
}

/** Compare-and-set: of two attempts that both believe the write is theirs, one gets to send. */
async function stampSent(
  db: Database,
  claim: Pick<Claim, 'stepId' | 'fence'>,
  write: Write,
  seenSentAt: Date | null,
): Promise<Date> {
  const stamped = await sql<{ sent_at: Date }>`
    update callsift.effects set state = 'sent', sent_at = date_trunc('milliseconds', clock_timestamp()),
      step_id = ${claim.stepId}, fence = ${claim.fence}, target = ${JSON.stringify(write.target)}::jsonb
    where key = ${write.key} and state <> 'written' and sent_at is not distinct from ${seenSentAt}
    returning sent_at`.execute(db)
  const row = stamped.rows[0]
  if (row === undefined) {
    throw new Later(1_000, 'write_in_doubt', {
      message: `Another attempt took over the write ${write.key}; looking again.`,
    })
  }
  return row.sent_at
}

async function settle(db: Database, key: string, externalId: string, how: 'written' | 'found'): Promise<Written> {
  await sql`update callsift.effects set state = 'written', external_id = ${externalId}, written_at = clock_timestamp()
    where key = ${key} and state <> 'written'`.execute(db)
  return { externalId, how }
}

/** A look that fails for a passing reason says nothing about the write: look again soon, and spend no attempt on it. */
async function lookBack(write: Write, sentAt: Date, target: unknown): Promise<string | null> {
  try {
    return await write.readBack(sentAt, target)
  } catch (error) {
    if (!(error instanceof Retry)) throw error
    throw new Later(5_000, 'write_in_doubt', {
      message: `It is not known whether the ${write.kind} entry was written, and reading it back failed: ${error.message}`,
      hint: 'Nothing to do: it is looked up again before anything is written.',
      cause: error,
    })
  }
}

function stillInDoubt(leftMs: number, write: Write, cause?: unknown): Later {
  return new Later(leftMs, 'write_in_doubt', {
    message: `It is not known whether the ${write.kind} entry ${write.marker} was written (the answer was lost).`,
    hint: 'Nothing to do: it is looked up again before anything is written.',
    cause,
  })
}

/** A failure that carries the upstream's own refusal, or one thrown before anything was sent, leaves no doubt. */
function isDoubtful(error: unknown): boolean {
  if (!isStepFailure(error)) return true
  const failure: unknown = 'failure' in error ? error.failure : undefined
  return typeof failure === 'object' && failure !== null && 'doubt' in failure && failure.doubt === true
}
