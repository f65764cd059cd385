import { sql } from 'kysely'
import type { Queryable } from './connect.ts'
import type { BotSettings } from './schema-bots.ts'

export interface Bot {
  readonly portalId: string
  readonly botId: number
  readonly code: string
  readonly name: string
  readonly type: string
  readonly enabled: boolean
  readonly settings: BotSettings
  readonly nextOffset: number
  readonly polledAt: Date | null
  readonly failures: number
  readonly lastFailure: string | null
  readonly addedAt: Date
}

const columns = sql`b.portal_id as "portalId", b.bot_id::float8 as "botId", b.code, b.name, b.type, b.enabled, b.settings,
  b.next_offset::float8 as "nextOffset", b.polled_at as "polledAt", b.failures, b.last_failure as "lastFailure", b.added_at as "addedAt"`

export async function listBots(db: Queryable): Promise<Bot[]> {
  return (await sql<Bot>`select ${columns} from callsift.bots b order by b.added_at, b.bot_id`.execute(db)).rows
}

export async function findBot(db: Queryable, portalId: string, botId: number): Promise<Bot | null> {
  const found =
    await sql<Bot>`select ${columns} from callsift.bots b where b.portal_id = ${portalId} and b.bot_id = ${botId}`.execute(
      db,
    )
  return found.rows[0] ?? null
}

/** Adds a bot, or changes what is known of it; where it has come in its events stands. */
export async function saveBot(
  db: Queryable,
  bot: Pick<Bot, 'portalId' | 'botId' | 'code' | 'name' | 'type' | 'settings'>,
): Promise<void> {
  await sql`insert into callsift.bots (portal_id, bot_id, code, name, type, settings)
    values (${bot.portalId}, ${bot.botId}, ${bot.code}, ${bot.name}, ${bot.type}, ${JSON.stringify(bot.settings)}::jsonb)
    on conflict (portal_id, bot_id) do update set code = excluded.code, name = excluded.name, type = excluded.type,
      settings = excluded.settings, enabled = true`.execute(db)
}

export async function changeBot(
  db: Queryable,
  bot: Pick<Bot, 'portalId' | 'botId' | 'enabled' | 'settings'>,
): Promise<void> {
  await sql`update callsift.bots set enabled = ${bot.enabled}, settings = ${JSON.stringify(bot.settings)}::jsonb,
      due_at = clock_timestamp(), failures = 0
    where portal_id = ${bot.portalId} and bot_id = ${bot.botId}`.execute(db)
}

/** Hands the next bot that is due to one process: null where none is, or others have them. A removed portal's bots rest. */
export async function takeBot(db: Queryable, leaseMs: number): Promise<Bot | null> {
  const taken =
    await sql<Bot>`update callsift.bots b set lease_until = clock_timestamp() + ${leaseMs} * interval '1 millisecond'
    where (b.portal_id, b.bot_id) = (select d.portal_id, d.bot_id from callsift.bots d join callsift.portals p on p.id = d.portal_id
      where d.enabled and d.due_at <= clock_timestamp() and (d.lease_until is null or d.lease_until < clock_timestamp())
      order by d.due_at limit 1 for update of d skip locked)
    returning ${columns}`.execute(db)
  return taken.rows[0] ?? null
}

/** A poll is over; a failed one is followed by a longer pause, up to ten minutes, so that it is no loop of errors. */
export async function finishPoll(
  db: Queryable,
  bot: Pick<Bot, 'portalId' | 'botId'>,
  pause: { everyMs: number; failure: string | null },
): Promise<void> {
  await sql`update callsift.bots set lease_until = null, polled_at = clock_timestamp(),
      failures = case when ${pause.failure}::text is null then 0 else failures + 1 end, last_failure = ${pause.failure}::text,
      due_at = clock_timestamp() + interval '1 millisecond' * case when ${pause.failure}::text is null then ${pause.everyMs}::float8
        else least(600000, ${pause.everyMs}::float8 * power(2, least(failures + 1, 12))) end
    where portal_id = ${bot.portalId} and bot_id = ${bot.botId}`.execute(db)
}

/**
 * Never backwards: a second reader that was slower must not bring events back. False where the bot was switched off or removed meanwhile:
 * then nothing of what was read counts.
 */
export async function advanceOffset(
  trx: Queryable,
  bot: Pick<Bot, 'portalId' | 'botId'>,
  nextOffset: number,
): Promise<boolean> {
  const moved = await sql`update callsift.bots set next_offset = greatest(next_offset, ${nextOffset})
    where portal_id = ${bot.portalId} and bot_id = ${bot.botId} and enabled returning bot_id`.execute(trx)
  return moved.rows.length > 0
}

export interface HeldDialog {
  readonly portalId: string
  readonly botId: number
  readonly dialogId: string
  readonly heldAt: Date
}

/** Dialogues that a person has taken over, the longest first. */
export async function listHeldDialogs(db: Queryable): Promise<HeldDialog[]> {
  const rows =
    await sql<HeldDialog>`select portal_id as "portalId", bot_id::float8 as "botId", dialog_id as "dialogId", held_at as "heldAt"
    from callsift.bot_dialogs order by held_at limit 1000`.execute(db)
  return rows.rows
}

export async function isHeld(db: Queryable, portalId: string, botId: number, dialogId: string): Promise<boolean> {
  const held = await sql`select 1 from callsift.bot_dialogs
    where portal_id = ${portalId} and bot_id = ${botId} and dialog_id = ${dialogId}`.execute(db)
  return held.rows.length > 0
}

export async function holdDialog(db: Queryable, portalId: string, botId: number, dialogId: string): Promise<void> {
  await sql`insert into callsift.bot_dialogs (portal_id, bot_id, dialog_id) values (${portalId}, ${botId}, ${dialogId})
    on conflict do nothing`.execute(db)
}

export async function releaseDialog(
  db: Queryable,
  portalId: string,
  botId: number,
  dialogId: string,
): Promise<boolean> {
  const gone = await sql`delete from callsift.bot_dialogs
    where portal_id = ${portalId} and bot_id = ${botId} and dialog_id = ${dialogId}`.execute(db)
  return Number(gone.numAffectedRows ?? 0n) > 0
}

/** What became of a bot's messages, as far as it is remembered. */
export async function countAnswers(
  db: Queryable,
): Promise<{ portalId: string; botId: number; state: string; class: string | null; runs: number }[]> {
  const rows = await sql<{ portalId: string; botId: number; state: string; class: string | null; runs: number }>`
    select m.portal_id as "portalId", m.bot_id::float8 as "botId", r.state, r.class, count(*)::int as runs
    from callsift.bot_messages m join callsift.runs r on r.id = m.run_id
    where m.author = 'user' group by 1, 2, 3, 4 order by count(*) desc`.execute(db)
  return rows.rows
}

/** Runs of this bot's messages that wait for a person. */
export async function listParkedAnswers(db: Queryable, portalId: string, botId: number): Promise<string[]> {
  const rows = await sql<{
    id: string
  }>`select r.id from callsift.bot_messages m join callsift.runs r on r.id = m.run_id
    where m.portal_id = ${portalId} and m.bot_id = ${botId} and r.state = 'parked' order by r.id limit 1000`.execute(db)
  return rows.rows.map((row) => row.id)
}

/** Forgets the bot and all that was said to it. */
export async function removeBot(trx: Queryable, portalId: string, botId: number): Promise<void> {
  await sql`delete from callsift.runs where id in (select run_id from callsift.bot_messages
    where portal_id = ${portalId} and bot_id = ${botId})`.execute(trx)
  for (const table of ['bot_messages', 'bot_dialogs', 'bots'])
    await sql`delete from ${sql.table(`callsift.${table}`)} where portal_id = ${portalId} and bot_id = ${botId}`.execute(
      trx,
    )
}
