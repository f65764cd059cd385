import { sql } from 'kysely'
import type { Database, Queryable } from './connect.ts'

/** Something a person should know of, under a name by which it is told once. */
export interface AlertCause {
  readonly cause: string
  readonly kind: string
  /** Whose matter it is; empty = everybody's. */
  readonly portalIds: readonly string[]
  readonly sentence: string
  readonly mend: string
}

export interface AlertLine extends AlertCause {
  readonly id: string
  readonly openedAt: Date
  readonly recoveredAt: Date | null
  readonly messages: readonly {
    phase: string
    channel: string
    tries: number
    notifiedAt: string | null
    lastAnswer: string | null
  }[]
}

export interface AlertMessage {
  readonly alertId: string
  readonly phase: 'opened' | 'recovered'
  readonly channel: string
  readonly sentence: string
  readonly mend: string
  /** This one included. */
  readonly tries: number
  readonly cause: string
  readonly kind: string
  readonly portalIds: readonly string[]
  readonly openedAt: Date
  readonly recoveredAt: Date | null
}

/** Newest first; `standing`: only those that have not recovered. */
export async function listAlerts(
  db: Queryable,
  filter: { standing: boolean; limit: number; cursor?: string | undefined },
): Promise<AlertLine[]> {
  const rows = await sql<AlertLine>`
    select a.id, a.cause, a.kind, a.portal_ids as "portalIds", a.sentence, a.mend, a.opened_at as "openedAt", a.recovered_at as "recoveredAt",
      coalesce((select jsonb_agg(jsonb_build_object('phase', m.phase, 'channel', m.channel, 'tries', m.tries,
        'notifiedAt', m.notified_at, 'lastAnswer', m.last_answer) order by m.phase, m.channel)
        from callsift.alert_messages m where m.alert_id = a.id), '[]'::jsonb) as messages
    from callsift.alerts a
    where (not ${filter.standing}::boolean or a.recovered_at is null)
      and (${filter.cursor ?? null}::bigint is null or a.id < ${filter.cursor ?? null}::bigint)
    order by a.id desc limit ${filter.limit}`.execute(db)
  return rows.rows
}

/**
 * Runs `decide` in one transaction that only one process at a time may be in; null where another is.
 * What `decide` names is opened (or seen again), what was not seen for `quietMs` has recovered, and for both a message is laid out for
 * each channel in the same transaction: nothing is told that is not in the record, and nothing is told twice.
 */
export async function decideAlerts(
  db: Database,
  quietMs: number,
  decide: (
    trx: Queryable,
  ) => Promise<{ causes: readonly AlertCause[]; channelsOf: (portalIds: readonly string[]) => string[] }>,
): Promise<{ opened: number; recovered: number } | null> {
  return await db.transaction().execute(async (trx) => {
    const lock = await sql<{
      mine: boolean
    }>`select pg_try_advisory_xact_lock(hashtext('callsift.alerts')) as mine`.execute(trx)
    if (lock.rows[0]?.mine !== true) return null
    const { causes, channelsOf } = await decide(trx)
    let opened = 0
    for (const cause of causes) {
      const stood = await sql<{ id: string; fresh: boolean }>`
        insert into callsift.alerts as a (cause, kind, portal_ids, sentence, mend)
        values (${cause.cause}, ${cause.kind}, ${cause.portalIds as string[]}::text[], ${cause.sentence}, ${cause.mend})
        on conflict (cause) where recovered_at is null do update set seen_at = clock_timestamp(), sentence = excluded.sentence,
          mend = excluded.mend, portal_ids = excluded.portal_ids
        returning id, (xmax = 0) as fresh`.execute(trx)
      const alert = stood.rows[0]
      if (alert?.fresh) opened += 1
      for (const channel of channelsOf(cause.portalIds)) {
        await sql`insert into callsift.alert_messages (alert_id, phase, channel, sentence, mend)
          values (${alert?.id ?? null}, 'opened', ${channel}, ${cause.sentence}, ${cause.mend}) on conflict do nothing`.execute(
          trx,
        )
      }
    }
    const over = await sql<{ id: string }>`update callsift.alerts set recovered_at = clock_timestamp()
      where recovered_at is null and not (cause = any(${causes.map((cause) => cause.cause)}::text[]))
        and seen_at <= clock_timestamp() - ${quietMs} * interval '1 millisecond' returning id`.execute(trx)
    await sql`insert into callsift.alert_messages (alert_id, phase, channel, sentence, mend)
      select m.alert_id, 'recovered', m.channel, m.sentence, 'Nothing to do: it is over.' from callsift.alert_messages m
      where m.alert_id = any(${over.rows.map((row) => row.id)}::bigint[]) and m.phase = 'opened' on conflict do nothing`.execute(
      trx,
    )
    await sql`delete from callsift.alerts where recovered_at < now() - interval '90 days'`.execute(trx)
    return { opened, recovered: over.rows.length }
  })
}

/** Hands out messages that are due, each to one process; whoever dies with one lets it become due again after `leaseMs`. */
export async function takeAlertMessages(
  db: Queryable,
  channels: readonly string[],
  leaseMs: number,
): Promise<AlertMessage[]> {
  const taken = await sql<AlertMessage>`
    with due as (
      select m.alert_id, m.phase, m.channel from callsift.alert_messages m
      where m.notified_at is null and m.due_at <= clock_timestamp() and m.channel = any(${channels as string[]}::text[])
        and (m.phase = 'opened' or exists (select 1 from callsift.alert_messages o where o.alert_id = m.alert_id
          and o.channel = m.channel and o.phase = 'opened' and o.notified_at is not null))
      order by m.due_at limit 10 for update skip locked
    )
    update callsift.alert_messages m set tries = m.tries + 1, due_at = clock_timestamp() + ${leaseMs} * interval '1 millisecond'
    from due, callsift.alerts a
    where m.alert_id = due.alert_id and m.phase = due.phase and m.channel = due.channel and a.id = m.alert_id
    returning m.alert_id as "alertId", m.phase, m.channel, m.sentence, m.mend, m.tries, a.cause, a.kind, a.portal_ids as "portalIds",
      a.opened_at as "openedAt", a.recovered_at as "recoveredAt"`.execute(db)
  return taken.rows
}

/** `retryMs` null = it arrived. */
export async function finishAlertMessage(
  db: Queryable,
  message: AlertMessage,
  answer: string,
  retryMs: number | null,
): Promise<void> {
  await sql`update callsift.alert_messages set last_answer = ${answer.slice(0, 500)},
      notified_at = case when ${retryMs}::float8 is null then clock_timestamp() else notified_at end,
      due_at = coalesce(clock_timestamp() + ${retryMs}::float8 * interval '1 millisecond', due_at)
    where alert_id = ${message.alertId} and phase = ${message.phase} and channel = ${message.channel}`.execute(db)
}

export interface ClosedForAlert {
  readonly keyId: string
  readonly name: string
  readonly class: string
  readonly message: string
  readonly hint: string | null
  readonly portalIds: readonly string[]
}

/** Gates that a person's matter has closed, and those of reached caps. */
export async function readClosedForAlerts(db: Queryable): Promise<ClosedForAlert[]> {
  const rows = await sql<ClosedForAlert>`
    select g.key_id as "keyId", g.name, coalesce(g.class, 'closed') as class, coalesce(g.message, 'A gate is closed') as message, g.hint,
      coalesce((select array_agg(p.id order by p.id) from callsift.portals p where p.key_id = g.key_id), '{}') as "portalIds"
    from callsift.gates g
    where g.closed_until = 'infinity' or (g.class = 'cap_reached' and g.closed_until > clock_timestamp())
    order by g.key_id, g.name`.execute(db)
  return rows.rows
}

/**
 * The live step that has been due longest (ms) although no gate keeps it. Time in which one of the key's gates was closed does not
 * count: it was told of then. Steps of backfills and batches have all the time they need.
 */
export async function readOldestDueMs(db: Queryable): Promise<{ ageMs: number; steps: number } | null> {
  const rows = await sql<{ ageMs: number | null; steps: number }>`
    select max(extract(epoch from clock_timestamp() - greatest(s.due_at, told.until)))::float8 * 1000 as "ageMs", count(*)::int as steps
    from callsift.steps s join callsift.portals p on p.id = s.portal_id
    left join lateral (select max(a.seen_at) as until from callsift.alerts a
      where a.kind in ('gate_closed', 'cap_reached') and p.id = any(a.portal_ids)) told on true
    where s.state in ('ready', 'dispatched') and s.priority < 10 and s.due_at <= clock_timestamp()
      and not exists (select 1 from callsift.gates g where g.key_id = p.key_id and g.closed_until > clock_timestamp()
        and g.name in ('key', s.family, s.blocked_by))`.execute(db)
  const row = rows.rows[0]
  return row === undefined || row.ageMs === null ? null : { ageMs: row.ageMs, steps: row.steps }
}
