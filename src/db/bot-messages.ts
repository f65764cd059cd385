import { sql } from 'kysely'
import type { Database, Queryable } from './connect.ts'

export interface BotLine {
  readonly id: string
  readonly portalId: string
  readonly botId: number
  readonly dialogId: string
  /** The portal's own id. */
  readonly messageId: number
  readonly author: 'user' | 'bot'
  readonly userId: number
  readonly colleague: boolean
  readonly entity: { readonly typeId: number; readonly id: number } | null
  readonly body: string
  readonly runId: string | null
  readonly ageMs: number
}

const columns = sql`m.id, m.portal_id as "portalId", m.bot_id::float8 as "botId", m.dialog_id as "dialogId",
  m.message_id::float8 as "messageId", m.author, m.user_id::float8 as "userId", m.colleague, m.entity, m.body, m.run_id as "runId",
  extract(epoch from clock_timestamp() - m.said_at)::float8 * 1000 as "ageMs"`

/** Longer ones are shortened: nobody reads more, and the model is paid by length. */
const longestBody = 4_000

/** Stores what was said; null where it stands already, or where it answers what was erased meanwhile. */
export async function addBotLine(
  trx: Queryable,
  line: Omit<BotLine, 'id' | 'runId' | 'ageMs'> & { callId?: string | null; saidAt?: Date; answers?: string },
): Promise<string | null> {
  const added = await sql<{ id: string }>`insert into callsift.bot_messages
      (portal_id, bot_id, dialog_id, message_id, author, user_id, colleague, entity, body, call_id, said_at)
    select ${line.portalId}, ${line.botId}::bigint, ${line.dialogId}, ${line.messageId}::bigint, ${line.author}, ${line.userId}::bigint,
      ${line.colleague}::boolean,
      ${line.entity === null ? null : JSON.stringify(line.entity)}::jsonb, ${line.body.slice(0, longestBody).replaceAll('\u0000', '').toWellFormed()},
      ${line.callId ?? null}::bigint, coalesce(${line.saidAt ?? null}::timestamptz, clock_timestamp())
    where ${line.answers ?? null}::bigint is null
      or exists (select 1 from callsift.bot_messages where id = ${line.answers ?? null}::bigint)
    on conflict (portal_id, bot_id, message_id) do nothing returning id`.execute(trx)
  return added.rows[0]?.id ?? null
}

export async function setLineRun(trx: Queryable, id: string, runId: string): Promise<void> {
  await sql`update callsift.bot_messages set run_id = ${runId} where id = ${id}`.execute(trx)
}

/** What is said to this line tells of a call: with the call it must go. */
export async function noteToldCall(db: Queryable, id: string, callId: string): Promise<void> {
  await sql`update callsift.bot_messages set call_id = ${callId} where id = ${id}`.execute(db)
}

export async function findBotLine(db: Queryable, id: string): Promise<BotLine | null> {
  const rows = await sql<BotLine>`select ${columns} from callsift.bot_messages m where m.id = ${id}`.execute(db)
  return rows.rows[0] ?? null
}

/** The dialogue up to this line, oldest first; the last of it is the line itself. */
export async function readDialogue(
  db: Queryable,
  line: BotLine,
  limits: { lines: number; hours: number },
): Promise<BotLine[]> {
  const rows = await sql<BotLine>`select ${columns} from callsift.bot_messages m
    where m.portal_id = ${line.portalId} and m.bot_id = ${line.botId} and m.dialog_id = ${line.dialogId}
      and (m.id <= ${line.id}::bigint or m.author = 'bot') and m.said_at > clock_timestamp() - ${limits.hours} * interval '1 hour'
    order by m.message_id desc limit ${limits.lines + 1}`.execute(db)
  const said = rows.rows.toReversed().filter((one) => one.id !== line.id)
  return [...said.slice(-limits.lines), line]
}

/** Whether an earlier message of the dialogue is still being answered: answers come in the order of their questions. */
export async function hasOpenEarlier(db: Queryable, line: BotLine): Promise<boolean> {
  const rows = await sql`select 1 from callsift.bot_messages m join callsift.runs r on r.id = m.run_id
    where m.portal_id = ${line.portalId} and m.bot_id = ${line.botId} and m.dialog_id = ${line.dialogId}
      and m.id < ${line.id}::bigint and m.author = 'user' and r.state = 'running' limit 1`.execute(db)
  return rows.rows.length > 0
}

/** How many messages of this user came within the hour before this one, it included. */
export async function countOfUser(db: Queryable, line: BotLine): Promise<number> {
  const rows = await sql<{
    n: number
  }>`select count(*)::int as n from callsift.bot_messages m, callsift.bot_messages this
    where this.id = ${line.id} and m.portal_id = ${line.portalId} and m.bot_id = ${line.botId} and m.user_id = ${line.userId}
      and m.author = 'user' and m.id <= this.id and m.said_at > this.said_at - interval '1 hour'`.execute(db)
  return rows.rows[0]?.n ?? 0
}

/** The portal's ids of what this bot is known to have said in a dialogue. */
export async function listOwnMessages(db: Queryable, line: BotLine): Promise<Set<number>> {
  const rows = await sql<{ id: number }>`select message_id::float8 as id from callsift.bot_messages
    where portal_id = ${line.portalId} and bot_id = ${line.botId} and dialog_id = ${line.dialogId} and author = 'bot'`.execute(
    db,
  )
  return new Set(rows.rows.map((row) => row.id))
}

export interface ToldVerdict {
  readonly callId: string
  readonly at: Date
  readonly quality: string
  readonly score: number
  readonly reason: string
}

/** What the newest judged call of a colleague, or of a CRM record, was judged as. */
export async function readLastVerdict(
  db: Queryable,
  portalId: string,
  of: { userId: number } | { typeId: number; id: number },
): Promise<ToldVerdict | null> {
  const whose =
    'userId' in of
      ? sql`c.user_id = ${String(of.userId)}`
      : sql`exists (select 1 from callsift.steps l where l.run_id = c.run_id and l.name = 'locateRecording' and l.state = 'done'
          and l.output->'entity'->>'typeId' = ${String(of.typeId)} and l.output->'entity'->>'id' = ${String(of.id)})`
  const rows = await sql<ToldVerdict>`select c.id as "callId", coalesce(c.started_at, c.created_at) as at,
      v.output->>'quality' as quality, (v.output->>'score')::int as score, v.output->>'reason' as reason
    from callsift.calls c join callsift.steps v on v.run_id = c.run_id and v.name = 'classifyLead' and v.state = 'done'
      and v.output->>'quality' is not null
    where c.portal_id = ${portalId} and ${whose} order by c.id desc, v.id desc limit 1`.execute(db)
  return rows.rows[0] ?? null
}

const batch = 500
const mostBatches = 200

/** What is older than its bot may remember, and the runs that answered it. Returns how many messages went. */
export async function dropOldDialogues(db: Database, standardHours: number): Promise<number> {
  const age = sql`make_interval(mins => (60 * coalesce((b.settings->>'memoryHours')::float8, ${standardHours}))::int)`
  const ended = sql`delete from callsift.runs where id in (select m.run_id from callsift.bot_messages m
    join callsift.bots b on b.portal_id = m.portal_id and b.bot_id = m.bot_id
    join callsift.runs r on r.id = m.run_id and r.state <> 'running'
    where m.said_at < clock_timestamp() - ${age} limit ${batch})`
  const said = sql`delete from callsift.bot_messages where id in (select m.id from callsift.bot_messages m
    join callsift.bots b on b.portal_id = m.portal_id and b.bot_id = m.bot_id
    where m.said_at < clock_timestamp() - ${age} limit ${batch})`
  let all = 0
  for (let round = 0; round < mostBatches; round += 1) {
    await ended.execute(db)
    const gone = Number((await said.execute(db)).numAffectedRows ?? 0n)
    all += gone
    if (gone < batch) break
  }
  return all
}

/** Erases dialogues: one by name, those in which a number was written, or those that told of a call. Returns how many messages went. */
export async function eraseDialogues(
  trx: Queryable,
  of:
    | { portalId: string; botId: number; dialogId: string }
    | { digits: string; portalId: string | null }
    | { callIds: readonly string[] },
): Promise<number> {
  const which =
    'dialogId' in of
      ? sql`m.portal_id = ${of.portalId} and m.bot_id = ${of.botId} and m.dialog_id = ${of.dialogId}`
      : 'digits' in of
        ? sql`(${of.portalId}::text is null or m.portal_id = ${of.portalId})
            and regexp_replace(m.body, '[^0-9]', '', 'g') like ${`%${of.digits}%`}`
        : sql`m.call_id = any(${of.callIds as string[]}::bigint[])`
  const named = await sql<{
    portal_id: string
    bot_id: string
    dialog_id: string
  }>`select distinct m.portal_id, m.bot_id, m.dialog_id
    from callsift.bot_messages m where ${which}`.execute(trx)
  let gone = 0
  for (const { portal_id, bot_id, dialog_id } of named.rows) {
    const here = sql`portal_id = ${portal_id} and bot_id = ${bot_id} and dialog_id = ${dialog_id}`
    await sql`delete from callsift.runs where id in (select run_id from callsift.bot_messages where ${here})`.execute(
      trx,
    )
    gone += Number((await sql`delete from callsift.bot_messages where ${here}`.execute(trx)).numAffectedRows ?? 0n)
  }
  return gone
}
