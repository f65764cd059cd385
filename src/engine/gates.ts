import { setTimeout as wait } from 'node:timers/promises'
import { sql } from 'kysely'
import type { Connection } from '../db/connect.ts'
import { holdClosings } from './hold-closings.ts'

/** A closed gate, as pages and errors show it. */
export interface ClosedGate {
  readonly keyId: string
  /** `key` = everything on the key; `ai`, `crm`, `portal`, `bot`, `im`; or `ai:<model>`. */
  readonly name: string
  readonly class: string
  readonly message: string
  readonly hint: string | null
  /** ms until it opens by itself; null = when a person has mended the cause. */
  readonly opensInMs: number | null
}

export type PassResult =
  /** A send slot was reserved `waitMs` from now. `trial`: the closed gate that this request tries. */
  | { readonly kind: 'passed'; readonly waitMs: number; readonly trial: string | null }
  | { readonly kind: 'closed'; readonly gate: ClosedGate }
  /** The next free send slot is further away than the caller will wait; none was reserved. */
  | { readonly kind: 'busy'; readonly waitMs: number }

export interface Closing {
  /** null = until a person has mended the cause (probed meanwhile). */
  readonly forMs: number | null
  readonly class: string
  readonly message: string
  readonly hint: string
  readonly requestId?: string | undefined
}

export interface Rate {
  readonly perMinute: number
  readonly perSecond: number
}

export interface Gates {
  /** How requests on the key are spaced: one each `intervalMs`, `slackMs` early at most. */
  pace(keyId: string): Promise<{ intervalMs: number; slackMs: number }>
  pass(keyId: string, names: readonly string[], maxWaitMs: number): Promise<PassResult>
  /** Resolves at once, but just after an outage of the record: by then every process has told it what it was refused meanwhile. */
  settled(): Promise<void>
  /** One of the named gates (or `key`) that this process heard to be closed while the record was away, and could not tell it yet. */
  untold(keyId: string, names: readonly string[]): ClosedGate | null
  /** Those of the named gates (and `key`) that are closed now. */
  closed(keyId: string, names: readonly string[]): Promise<ClosedGate | null>
  close(keyId: string, name: string, closing: Closing): Promise<void>
  open(keyId: string, name: string): Promise<boolean>
  /** Lets one real request through a gate that a person's matter has closed. */
  allowTrial(keyId: string, name: string): Promise<void>
  /** Gates closed by a person's matter whose last probe is older than `everyMs`; each is handed to one process only. */
  dueProbes(everyMs: number): Promise<ClosedGate[]>
  list(): Promise<ClosedGate[]>
  /** What the upstream's headers or `/v1/me` say of the key's rate. */
  learnRate(keyId: string, rate: Partial<Rate>): Promise<void>
}

interface GateRow {
  key_id: string
  name: string
  class: string | null
  message: string | null
  hint: string | null
  opens_in_ms: number | null
  trial: boolean
}

const closedColumns = sql`key_id, name, class, message, hint, trial,
  case when closed_until = 'infinity' then null
    else extract(epoch from closed_until - clock_timestamp())::float8 * 1000 end as opens_in_ms`

function readClosed(row: GateRow): ClosedGate {
  return {
    keyId: row.key_id,
    name: row.name,
    class: row.class ?? 'closed',
    message: row.message ?? 'This gate is closed.',
    hint: row.hint,
    opensInMs: row.opens_in_ms === null ? null : Math.max(0, Math.ceil(row.opens_in_ms)),
  }
}

/** After the record is back, what was held reaches it within this (ms). */
const toldWithinMs = 250

const maxBurst = 5
/** A key's rate is to be used to at least this share of what is allowed; the rest is room for the network's bunching. */
const usedShare = 0.85

/** How many may be sent per window of `limit`, so that a burst on top never takes any sliding window above it. */
function sustained(limit: number, burst: number): number {
  // After a burst of b, b + ⌊window / interval⌋ fall in one window: one less than allowed this way, which is room for what is late.
  if (burst > 1) return limit * 0.97 - burst
  // For small limits one less would be much; then it is the exact bound.
  return Math.max(limit * 0.97 - 1, limit * usedShare)
}

/**
 * GCRA (ITU-T I.371): one row holds the theoretical arrival time for all processes. The burst is as large as it may be while
 * no sliding window ever sees more than its limit and the allowed rate is still used.
 */
export function pacing(rate: Rate): { intervalMs: number; burst: number } {
  const perSecond = (burst: number) => Math.min(sustained(rate.perMinute, burst) / 60, sustained(rate.perSecond, burst))
  const wanted = usedShare * Math.min(rate.perMinute / 60, rate.perSecond)
  let burst = Math.min(maxBurst, rate.perMinute, rate.perSecond)
  while (burst > 1 && perSecond(burst) < wanted) burst -= 1
  return { intervalMs: 1000 / perSecond(burst), burst }
}

/**
 * Gates belong to (API key, family) and are rows, so that all processes hold them together. Pacing commits loosely; what closes or opens
 * a gate must outlive a crash of the database, or the next request would come early.
 */
export function createGates(
  { db: safe, looseDb: db, outages }: Pick<Connection, 'db' | 'looseDb' | 'outages'>,
  defaultRate: Rate,
): Gates {
  const rates = new Map<string, Rate>()

  const rateOf = async (keyId: string): Promise<Rate> => {
    const known = rates.get(keyId)
    if (known !== undefined) return known
    await sql`insert into callsift.gates (key_id, name) values (${keyId}, 'key') on conflict do nothing`.execute(db)
    const row = await db
      .selectFrom('callsift.gates')
      .select(['per_minute', 'per_second'])
      .where('key_id', '=', keyId)
      .where('name', '=', 'key')
      .executeTakeFirst()
    const rate = {
      perMinute: row?.per_minute ?? defaultRate.perMinute,
      perSecond: row?.per_second ?? defaultRate.perSecond,
    }
    rates.set(keyId, rate)
    return rate
  }

  const takeTrial = async (keyId: string, name: string): Promise<boolean> => {
    const taken = await sql`update callsift.gates set trial = false
      where key_id = ${keyId} and name = ${name} and trial and closed_until > clock_timestamp() returning name`.execute(
      db,
    )
    return taken.rows.length > 0
  }

  const closedRows = async (keyId: string, names: readonly string[]): Promise<GateRow[]> => {
    const rows = await sql<GateRow>`select ${closedColumns} from callsift.gates
      where key_id = ${keyId} and name = any(${['key', ...names]}::text[]) and closed_until > clock_timestamp()
      order by closed_until desc`.execute(db)
    return rows.rows
  }

  const pace = async (keyId: string) => {
    const { intervalMs, burst } = pacing(await rateOf(keyId))
    return { intervalMs, slackMs: intervalMs * (burst - 1) }
  }

  const reserve = async (keyId: string, names: readonly string[], maxWaitMs: number): Promise<number | null> => {
    const { intervalMs, slackMs } = await pace(keyId)
    const reserved = await sql<{ wait_ms: number }>`
      update callsift.gates set tat = greatest(tat, clock_timestamp()) + ${intervalMs} * interval '1 millisecond'
      where key_id = ${keyId} and name = 'key'
        and tat - ${slackMs} * interval '1 millisecond' <= clock_timestamp() + ${maxWaitMs} * interval '1 millisecond'
        and not exists (select 1 from callsift.gates g
          where g.key_id = ${keyId} and g.name = any(${names as string[]}::text[]) and g.closed_until > clock_timestamp())
      returning extract(epoch from tat - clock_timestamp())::float8 * 1000 - ${intervalMs + slackMs}::float8 as wait_ms`.execute(
      db,
    )
    const row = reserved.rows[0]
    return row === undefined ? null : Math.max(0, row.wait_ms)
  }

  const writeClosing = async (keyId: string, name: string, closing: Closing) => {
    const until =
      closing.forMs === null
        ? sql`'infinity'::timestamptz`
        : sql`clock_timestamp() + ${closing.forMs} * interval '1 millisecond'`
    await sql`
      insert into callsift.gates as g (key_id, name, closed_until, class, message, hint, request_id, epoch, closed_at, probe_at)
      values (${keyId}, ${name}, ${until}, ${closing.class}, ${closing.message}, ${closing.hint}, ${closing.requestId ?? null}, 1, now(), clock_timestamp())
      on conflict (key_id, name) do update set
        closed_at = case when g.closed_until > clock_timestamp() then g.closed_at else now() end,
        class = case when excluded.closed_until >= g.closed_until then excluded.class else g.class end,
        message = case when excluded.closed_until >= g.closed_until then excluded.message else g.message end,
        hint = case when excluded.closed_until >= g.closed_until then excluded.hint else g.hint end,
        request_id = coalesce(excluded.request_id, g.request_id),
        closed_until = greatest(g.closed_until, excluded.closed_until),
        epoch = g.epoch + 1, trial = false, probe_at = clock_timestamp()`.execute(safe)
  }
  const held = holdClosings(writeClosing)

  const settled = async () => {
    if (outages === undefined) return
    if (outages.lost()) {
      // Throws while it is away; a request must not be what finds it back.
      await sql`select 1`.execute(db)
      outages.answered()
    }
    const restMs = toldWithinMs - outages.backForMs()
    if (restMs > 0) await wait(restMs)
  }

  return {
    pace,
    settled,
    untold: held.find,
    pass: async (keyId, names, maxWaitMs) => {
      const untold = held.find(keyId, names)
      if (untold !== null) return { kind: 'closed', gate: untold }
      await settled()
      let open = ['key', ...names]
      let trial: string | null = null
      for (;;) {
        const waitMs = await reserve(keyId, open, maxWaitMs)
        if (waitMs !== null) return { kind: 'passed', waitMs, trial }
        const closed = (await closedRows(keyId, names)).filter((row) => open.includes(row.name))
        const [worst] = closed
        if (worst === undefined) {
          const { slackMs } = await pace(keyId)
          const next = await sql<{
            wait_ms: number
          }>`select extract(epoch from tat - clock_timestamp())::float8 * 1000 as wait_ms
            from callsift.gates where key_id = ${keyId} and name = 'key'`.execute(db)
          return { kind: 'busy', waitMs: Math.max(50, (next.rows[0]?.wait_ms ?? 0) - slackMs) }
        }
        if (worst.trial && closed.length === 1 && trial === null && (await takeTrial(keyId, worst.name))) {
          trial = worst.name
          open = open.filter((name) => name !== worst.name)
          continue
        }
        return { kind: 'closed', gate: readClosed(worst) }
      }
    },

    closed: async (keyId, names) => {
      const untold = held.find(keyId, names)
      if (untold !== null) return untold
      const [worst] = await closedRows(keyId, names)
      return worst === undefined ? null : readClosed(worst)
    },

    close: held.close,

    open: async (keyId, name) => {
      const opened = await sql`update callsift.gates set closed_until = '-infinity', trial = false, epoch = epoch + 1,
          class = null, message = null, hint = null, request_id = null, closed_at = null
        where key_id = ${keyId} and name = ${name} and closed_until > clock_timestamp() returning name`.execute(safe)
      return opened.rows.length > 0
    },

    allowTrial: async (keyId, name) => {
      await sql`update callsift.gates set trial = true where key_id = ${keyId} and name = ${name} and closed_until = 'infinity'`.execute(
        db,
      )
    },

    dueProbes: async (everyMs) => {
      const due = await sql<GateRow>`update callsift.gates set probe_at = clock_timestamp()
        where closed_until = 'infinity' and (probe_at is null or probe_at <= clock_timestamp() - ${everyMs} * interval '1 millisecond')
        returning ${closedColumns}`.execute(db)
      return due.rows.map(readClosed)
    },

    list: async () => {
      const rows = await sql<GateRow>`select ${closedColumns} from callsift.gates
        where closed_until > clock_timestamp() order by closed_at`.execute(db)
      return rows.rows.map(readClosed)
    },

    learnRate: async (keyId, rate) => {
      const known = await rateOf(keyId)
      const learnt = { ...known, ...rate }
      if (learnt.perMinute === known.perMinute && learnt.perSecond === known.perSecond) return
      rates.set(keyId, learnt)
      await sql`update callsift.gates set per_minute = ${learnt.perMinute}, per_second = ${learnt.perSecond}
        where key_id = ${keyId} and name = 'key'`.execute(db)
    },
  }
}
