import { sql } from 'kysely'
import type { Database, Queryable } from './connect.ts'
import type { PortalSettings } from './portal-settings.ts'

/** What one step wants to pay for. */
export interface SpendItem {
  /** Names the step and its input: a repetition of the same is never counted twice. */
  readonly key: string
  readonly portalId: string
  readonly kind: 'speech' | 'chat'
  readonly speechMs: number
  /** Money, in millionths. */
  readonly micros: number
  readonly timeZone: string
}

/** Caps in the units of the rows; absent = none. */
export interface Caps {
  readonly dayMs: number | null
  readonly monthMs: number | null
  readonly dayMicros: number | null
  readonly monthMicros: number | null
}

export interface Refusal {
  readonly period: 'day' | 'month'
  readonly what: 'speech' | 'money'
  readonly cap: number
  /** Used and reserved before this item. */
  readonly taken: number
  readonly opensInMs: number
  readonly opensAt: string
}

export interface SpendPeriods {
  readonly day: string
  readonly month: string
  readonly dayEndsInMs: number
  readonly monthEndsInMs: number
  readonly dayEndsAt: string
  readonly monthEndsAt: string
}

/** Of the gate behind which a portal's paid steps wait while its cap is reached. */
export function capGateName(portalId: string, backfill = false): string {
  return backfill ? `cap:${portalId}:backfill` : `cap:${portalId}`
}

export function capGateNames(portalId: string): string[] {
  return [capGateName(portalId), capGateName(portalId, true)]
}

export function readCaps(settings: PortalSettings): Caps | null {
  const minutes = (value: number | undefined) => (value === undefined ? null : Math.round(value * 60_000))
  const money = (value: number | undefined) => (value === undefined ? null : Math.round(value * 1_000_000))
  const caps = {
    dayMs: minutes(settings.capDailyMinutes),
    monthMs: minutes(settings.capMonthlyMinutes),
    dayMicros: money(settings.capDailyCost),
    monthMicros: money(settings.capMonthlyCost),
  }
  return Object.values(caps).every((cap) => cap === null) ? null : caps
}

/** The present day and month where the portal stands, by the database's clock. */
export async function readPeriods(db: Queryable, timeZone: string): Promise<SpendPeriods> {
  const rows = await sql<SpendPeriods>`
    with t as (select clock_timestamp() as now, clock_timestamp() at time zone ${timeZone} as here),
    ends as (select now, here, (date_trunc('day', here) + interval '1 day') as day_end,
      (date_trunc('month', here) + interval '1 month') as month_end from t)
    select 'day ' || to_char(here, 'YYYY-MM-DD') as day, 'month ' || to_char(here, 'YYYY-MM') as month,
      extract(epoch from (day_end at time zone ${timeZone}) - now)::float8 * 1000 as "dayEndsInMs",
      extract(epoch from (month_end at time zone ${timeZone}) - now)::float8 * 1000 as "monthEndsInMs",
      to_char(day_end, 'YYYY-MM-DD HH24:MI') as "dayEndsAt", to_char(month_end, 'YYYY-MM-DD HH24:MI') as "monthEndsAt"
    from ends`.execute(db)
  const row = rows.rows[0]
  if (row === undefined) throw new Error('the database told no time')
  return row
}

/** Ends the transaction that found a cap reached, so that nothing of the item stays reserved. */
class CapReached extends Error {
  readonly refusal: Refusal
  constructor(refusal: Refusal) {
    super('cap reached')
    this.refusal = refusal
  }
}

/**
 * Sets an item aside under the caps, in one transaction; null = it may be paid for. An item that is reserved or settled already
 * (its step crashed, or its job came twice) is counted as it stands. `share` below 1 leaves the rest of each cap to others.
 */
export async function reserveSpend(db: Database, item: SpendItem, caps: Caps, share = 1): Promise<Refusal | null> {
  try {
    return await db.transaction().execute(async (trx) => {
      const periods = await readPeriods(trx, item.timeZone)
      const taken = await sql`
        insert into callsift.spend_items as i (key, portal_id, day, month, kind, state, speech_ms, micros)
        values (${item.key}, ${item.portalId}, ${periods.day}, ${periods.month}, ${item.kind}, 'reserved', ${item.speechMs}, ${item.micros})
        on conflict (key) do update set state = 'reserved', day = excluded.day, month = excluded.month,
          speech_ms = excluded.speech_ms, micros = excluded.micros, settled_at = null
          where i.state = 'released' returning key`.execute(trx)
      if (taken.rows.length === 0) return null
      for (const period of [periods.day, periods.month]) {
        await sql`insert into callsift.spend (portal_id, period) values (${item.portalId}, ${period}) on conflict do nothing`.execute(
          trx,
        )
      }
      await takeRoom(trx, item, periods.day, caps.dayMs, caps.dayMicros, share, (what, cap, before) => ({
        period: 'day',
        what,
        cap,
        taken: before,
        opensInMs: periods.dayEndsInMs,
        opensAt: periods.dayEndsAt,
      }))
      await takeRoom(trx, item, periods.month, caps.monthMs, caps.monthMicros, share, (what, cap, before) => ({
        period: 'month',
        what,
        cap,
        taken: before,
        opensInMs: periods.monthEndsInMs,
        opensAt: periods.monthEndsAt,
      }))
      return null
    })
  } catch (error) {
    if (error instanceof CapReached) return error.refusal
    throw error
  }
}

/** The row lock of the update makes those who ask at once wait for each other: none looks at room that another just took. */
async function takeRoom(
  trx: Queryable,
  item: SpendItem,
  period: string,
  capMs: number | null,
  capMicros: number | null,
  share: number,
  refuse: (what: Refusal['what'], cap: number, taken: number) => Refusal,
): Promise<void> {
  const limitMs = capMs === null ? null : Math.floor(capMs * share)
  const limitMicros = capMicros === null ? null : Math.floor(capMicros * share)
  const updated =
    await sql`update callsift.spend set reserved_ms = reserved_ms + ${item.speechMs}, reserved_micros = reserved_micros + ${item.micros}
    where portal_id = ${item.portalId} and period = ${period}
      and (${limitMs}::bigint is null or ${item.speechMs}::bigint = 0 or used_ms + reserved_ms + ${item.speechMs} <= ${limitMs}::bigint)
      and (${limitMicros}::bigint is null or ${item.micros}::bigint = 0 or used_micros + reserved_micros + ${item.micros} <= ${limitMicros}::bigint)
    returning period`.execute(trx)
  if (updated.rows.length > 0) return
  const row = await trx
    .selectFrom('callsift.spend')
    .selectAll()
    .where('portal_id', '=', item.portalId)
    .where('period', '=', period)
    .executeTakeFirstOrThrow()
  const takenMs = Number(row.used_ms) + Number(row.reserved_ms)
  const bySpeech = limitMs !== null && item.speechMs > 0 && takenMs + item.speechMs > limitMs
  throw new CapReached(
    bySpeech
      ? refuse('speech', capMs ?? 0, takenMs)
      : refuse('money', capMicros ?? 0, Number(row.used_micros) + Number(row.reserved_micros)),
  )
}

/**
 * Counts what was really paid. A reserved item gives back what it did not need; one that was never reserved (no cap stands) is counted
 * now; one that is settled stays as it is.
 */
export async function settleSpend(db: Database, item: SpendItem): Promise<void> {
  const counted = await sql`
    with p as (select to_char(here, '"day "YYYY-MM-DD') as day, to_char(here, '"month "YYYY-MM') as month
      from (select clock_timestamp() at time zone ${item.timeZone} as here) t),
    item as (insert into callsift.spend_items (key, portal_id, day, month, kind, state, speech_ms, micros, settled_at)
      select ${item.key}, ${item.portalId}, p.day, p.month, ${item.kind}, 'settled', ${item.speechMs}, ${item.micros}, clock_timestamp()
      from p on conflict (key) do nothing returning portal_id, day, month, speech_ms, micros)
    insert into callsift.spend as s (portal_id, period, used_ms, used_micros)
    select item.portal_id, period, item.speech_ms, item.micros from item cross join unnest(array[item.day, item.month]) as period
    order by period
    on conflict (portal_id, period) do update set used_ms = s.used_ms + excluded.used_ms, used_micros = s.used_micros + excluded.used_micros
    returning period`.execute(db)
  if (counted.rows.length > 0) return
  await closeItem(db, item.key, 'settled', item)
}

/** Nothing was paid: what was set aside is free again. */
export async function releaseSpend(db: Database, key: string): Promise<void> {
  await closeItem(db, key, 'released', { speechMs: 0, micros: 0 })
}

async function closeItem(
  db: Database,
  key: string,
  state: 'settled' | 'released',
  paid: { speechMs: number; micros: number },
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const standing = await sql<{
      portal_id: string
      day: string
      month: string
      state: string
      speech_ms: string
      micros: string
    }>`select portal_id, day, month, state, speech_ms, micros from callsift.spend_items
      where key = ${key} and (state = 'reserved' or (state = 'released' and ${state}::text = 'settled')) for update`.execute(
      trx,
    )
    const item = standing.rows[0]
    if (item === undefined) return
    // A released item holds nothing any more, but may turn out to have been paid for by an attempt that was slow to end.
    const held = item.state === 'reserved' ? { ms: item.speech_ms, micros: item.micros } : { ms: '0', micros: '0' }
    await sql`update callsift.spend_items set state = ${state}, speech_ms = ${paid.speechMs}, micros = ${paid.micros},
        settled_at = clock_timestamp() where key = ${key}`.execute(trx)
    for (const period of [item.day, item.month]) {
      await sql`update callsift.spend set reserved_ms = reserved_ms - ${held.ms}::bigint, reserved_micros = reserved_micros - ${held.micros}::bigint,
          used_ms = used_ms + ${paid.speechMs}, used_micros = used_micros + ${paid.micros}
        where portal_id = ${item.portal_id} and period = ${period}`.execute(trx)
    }
  })
}

export interface Spent {
  readonly period: string
  readonly usedMs: number
  readonly usedMicros: number
  readonly reservedMs: number
  readonly reservedMicros: number
}

/** What portals spent and set aside in their present day and month; one look for all of them. */
export async function readSpent(
  db: Queryable,
  portals: readonly { readonly id: string; readonly timeZone: string }[],
): Promise<Map<string, { day: Spent; month: Spent }>> {
  const periods = new Map<string, SpendPeriods>()
  for (const { timeZone } of portals) {
    if (!periods.has(timeZone)) periods.set(timeZone, await readPeriods(db, timeZone))
  }
  const names = [...periods.values()].flatMap(({ day, month }) => [day, month])
  const { rows } = await sql<SpendRow>`select portal_id, period, used_ms, used_micros, reserved_ms, reserved_micros
    from callsift.spend where portal_id = any(${portals.map((portal) => portal.id)}::text[]) and period = any(${names}::text[])`.execute(
    db,
  )
  const of = (portalId: string, period: string): Spent => {
    const row = rows.find((one) => one.portal_id === portalId && one.period === period)
    return {
      period,
      usedMs: Number(row?.used_ms ?? 0),
      usedMicros: Number(row?.used_micros ?? 0),
      reservedMs: Number(row?.reserved_ms ?? 0),
      reservedMicros: Number(row?.reserved_micros ?? 0),
    }
  }
  return new Map(
    portals.map(({ id, timeZone }) => {
      const { day = '', month = '' } = periods.get(timeZone) ?? {}
      return [id, { day: of(id, day), month: of(id, month) }]
    }),
  )
}

interface SpendRow {
  portal_id: string
  period: string
  used_ms: string
  used_micros: string
  reserved_ms: string
  reserved_micros: string
}

/** What is set aside for steps that were cancelled: nobody will settle it. An attempt that is slow to end still may. */
export async function listForsaken(db: Queryable): Promise<{ key: string; portalId: string }[]> {
  const rows = await sql<{
    key: string
    portalId: string
  }>`select i.key, i.portal_id as "portalId" from callsift.spend_items i
    join callsift.steps s on s.id = split_part(i.key, ' ', 1)::bigint
    where i.state = 'reserved' and s.state = 'cancelled' limit 200`.execute(db)
  return rows.rows
}

/** Payments are kept by name for the longest period that still counts them, and a while. */
export async function pruneSpend(db: Queryable): Promise<number> {
  const pruned = await sql`delete from callsift.spend_items where key in (select key from callsift.spend_items
    where created_at < now() - interval '100 days' limit 5000) returning key`.execute(db)
  return pruned.rows.length
}

/** Steps of a backfill stand behind live ones. */
export async function readStepPriority(db: Queryable, stepId: string): Promise<number> {
  const row = await db.selectFrom('callsift.steps').select('priority').where('id', '=', stepId).executeTakeFirst()
  return row?.priority ?? 0
}
