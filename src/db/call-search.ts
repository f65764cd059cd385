import { type RawBuilder, sql } from 'kysely'
import type { Queryable } from './connect.ts'
import type { RunState, StepState } from './schema.ts'
import { countRuns } from './status.ts'

export interface CallFilter {
  readonly status?: RunState | undefined
  /** Class of the run, or of a step that waits or is parked now. */
  readonly cause?: string | undefined
  /** Where the call stands now. */
  readonly step?: string | undefined
  readonly quality?: 'high' | 'medium' | 'low' | undefined
  readonly portal?: string | undefined
  readonly since?: Date | undefined
  readonly until?: Date | undefined
  /** A phone or a part of it, a CRM record's id, our id, CALL_ID or activity. */
  readonly q?: string | undefined
  /** Part of a number is enough; else only a whole one is looked for, so that masked numbers cannot be guessed digit by digit. */
  readonly partOfPhone: boolean
  readonly ids?: readonly string[] | undefined
}

/** How far a call came in one of its steps; a fan's parts count together. */
export interface StripCell {
  readonly name: string
  readonly state: StepState
  readonly parts: number
  readonly done: number
  /** Of the part that took most. */
  readonly attempts: number
}

export interface FoundCall {
  readonly id: string
  readonly portalId: string
  readonly domain: string | null
  readonly callRef: string | null
  readonly activityId: string | null
  readonly source: string
  readonly direction: 'in' | 'out' | null
  readonly phone: string | null
  readonly line: string | null
  readonly userId: string | null
  readonly durationSeconds: number | null
  readonly startedAt: Date | null
  readonly createdAt: Date
  readonly state: RunState
  readonly generation: number
  readonly class: string | null
  readonly stoppedAt: string | null
  readonly dueAt: Date | null
  readonly blocked: boolean
  readonly quality: string | null
  readonly score: number | null
  readonly doubtful: boolean
  /** What is to be known of it although it went on: `truncated_audio`, `overlong_transcript`. */
  readonly flags: readonly string[]
  readonly written: string | null
  readonly entityTypeId: number | null
  readonly entityId: string | null
  readonly heardSeconds: number | null
  readonly tokens: number | null
  readonly strip: readonly StripCell[]
}

/** `%` and `_` of a person's words mean themselves. */
const likeText = (text: string) => text.replace(/[\\%_]/g, (sign) => `\\${sign}`)

function searchFor(text: string, partOfPhone: boolean): RawBuilder<boolean> {
  const word = text
    .trim()
    .replace(/^(?:deal|lead|contact|company|сделка|лид|контакт|компания|call|звонок)[\s#№:]+/i, '')
  const digits = word.replace(/[^0-9]/g, '')
  const isNumber = /^[#№]?[1-9]\d{0,17}$/.test(word)
  const isPhone = /^[+()\d\s.-]+$/.test(word) && digits.length >= (partOfPhone ? 4 : 10)
  const ways = [
    sql<boolean>`c.call_ref = ${word}`,
    sql<boolean>`c.activity_id = ${word.replace(/^activity:/, '')}`,
    ...(isNumber
      ? [
          sql<boolean>`c.id = ${digits}::bigint`,
          sql<boolean>`c.entity_id = ${digits}`,
          sql<boolean>`c.run_id in (select e.run_id from callsift.steps e
            where e.name = 'locateRecording' and e.state = 'done' and e.output->'entity'->>'id' = ${digits})`,
        ]
      : []),
    ...(isPhone
      ? [
          sql<boolean>`translate(c.phone, '+-() .', '') like ${`%${likeText(digits.length > 10 ? digits.slice(-10) : digits)}%`}`,
        ]
      : []),
  ]
  return sql`(${sql.join(ways, sql` or `)})`
}

/** What a filter leaves of `calls c join runs r`; `aPage` of them, or all. */
function conditions(filter: CallFilter, aPage = false): RawBuilder<boolean> {
  const all: RawBuilder<boolean>[] = [sql`true`]
  if (filter.status !== undefined) all.push(sql`r.state = ${filter.status}`)
  if (filter.portal !== undefined) all.push(sql`c.portal_id = ${filter.portal}`)
  // Not by its own index: pages are read by id from the newest on, and end as soon as they are full.
  if (filter.since !== undefined) all.push(sql`c.created_at + interval '0' >= ${filter.since}`)
  if (filter.until !== undefined) all.push(sql`c.created_at < ${filter.until}`)
  if (filter.ids !== undefined) all.push(sql`c.id = any(${filter.ids as string[]}::bigint[])`)
  // For a page `offset 0` keeps it a question about each call in turn: joined the other way round, all verdicts of that quality are read.
  if (filter.quality !== undefined)
    all.push(sql`exists (select 1 from callsift.steps q where q.run_id = r.id and q.generation = r.generation
      and q.name = 'classifyLead' and q.state = 'done' and q.output->>'quality' = ${filter.quality} ${aPage ? sql`offset 0` : sql``})`)
  if (filter.cause !== undefined)
    all.push(sql`(r.class = ${filter.cause} or r.class = 'exhausted' and exists (select 1 from callsift.steps w
      join callsift.attempts a on a.step_id = w.id and a.fence = w.fence where w.run_id = r.id and w.generation = r.generation
      and w.state = 'parked' and a.class = ${filter.cause}) or r.state = 'running' and exists (select 1 from callsift.steps w
      where w.run_id = r.id and w.generation = r.generation and w.state = 'ready' and w.class = ${filter.cause}))`)
  if (filter.step !== undefined)
    all.push(sql`r.state in ('running', 'parked') and exists (select 1 from callsift.steps w where w.run_id = r.id
      and w.generation = r.generation and w.name = ${filter.step} and w.state not in ('done', 'cancelled'))`)
  if (filter.q !== undefined && filter.q.trim() !== '') all.push(searchFor(filter.q, filter.partOfPhone))
  return sql`(${sql.join(all, sql` and `)})`
}

/** Newest first, a page at a time: those with ids below the cursor. */
export async function searchCalls(
  db: Queryable,
  filter: CallFilter,
  page: { cursor?: string | undefined; limit: number },
): Promise<FoundCall[]> {
  const rows = await sql<Omit<FoundCall, 'strip' | 'flags'> & { runId: string }>`
    select f.*, p.domain, v.output->>'quality' as quality, (v.output->>'score')::float8 as score,
      coalesce(v.output->'doubts' <> '[]'::jsonb, false) as doubtful,
      ((v.output->'usage'->>'promptTokens')::float8 + (v.output->'usage'->>'completionTokens')::float8) as tokens,
      t.output->>'state' as written, (a.output->>'heardSeconds')::float8 as "heardSeconds",
      coalesce(f.entity_type_id, (l.output->'entity'->>'typeId')::int) as "entityTypeId",
      coalesce(f.entity_id, l.output->'entity'->>'id') as "entityId",
      coalesce(w.spent, f.run_class, w.class) as class, w.name as "stoppedAt", w.due_at as "dueAt",
      coalesce(w.blocked, false) as blocked
    from (select c.id, c.portal_id as "portalId", c.call_ref as "callRef", c.activity_id as "activityId", c.source, c.direction,
        c.phone, c.line, c.user_id as "userId", c.duration_s as "durationSeconds", c.started_at as "startedAt",
        c.created_at as "createdAt", c.entity_type_id, c.entity_id, r.id as "runId", r.state, r.generation, r.class as run_class
      from callsift.calls c join callsift.runs r on r.id = c.run_id
      where ${conditions(filter, true)} and ${page.cursor === undefined ? sql`true` : sql`c.id < ${page.cursor}::bigint`}
      order by c.id desc limit ${page.limit}) f
    left join callsift.portals p on p.id = f."portalId"
    left join callsift.steps v on v.run_id = f."runId" and v.generation = f.generation and v.name = 'classifyLead' and v.index = 0 and v.state = 'done'
    left join callsift.steps t on t.run_id = f."runId" and t.generation = f.generation and t.name = 'writeTimeline' and t.index = 0 and t.state = 'done'
    left join callsift.steps l on l.run_id = f."runId" and l.generation = f.generation and l.name = 'locateRecording' and l.index = 0 and l.state = 'done'
    left join callsift.steps a on a.run_id = f."runId" and a.generation = f.generation and a.name = 'planAudio' and a.index = 0 and a.state = 'done'
    left join lateral (select s.class, s.name, case when s.class = 'exhausted' then (select a.class from callsift.attempts a
        where a.step_id = s.id and a.fence = s.fence) end as spent, case when s.state = 'ready' then s.due_at end as due_at, s.blocked_by is not null as blocked from callsift.steps s
      where s.run_id = f."runId" and s.generation = f.generation and s.state not in ('done', 'cancelled')
      order by s.state = 'parked' desc, s.class is not null desc, s.id limit 1) w on true
    order by f.id desc`.execute(db)
  const strips = await readStrips(
    db,
    rows.rows.map((row) => row.runId),
  )
  return rows.rows.map(({ runId, ...row }) => {
    const cells = strips.get(runId) ?? []
    return {
      ...row,
      strip: cells.map(({ flag: _, ...cell }) => cell),
      flags: cells.flatMap((cell) => cell.flag ?? []),
    }
  })
}

type FlaggedCell = StripCell & { readonly flag: string | null }

async function readStrips(db: Queryable, runIds: readonly string[]): Promise<Map<string, FlaggedCell[]>> {
  const rows = await sql<FlaggedCell & { runId: string }>`
    select s.run_id as "runId", s.name, count(*)::int as parts, count(*) filter (where s.state = 'done')::int as done,
      max(s.fence)::int as attempts,
      max(case when s.name = 'planAudio' and s.output->>'truncated' = 'true' then 'truncated_audio'
        when s.name = 'mergeTranscript' and s.output->>'capped' = 'true' then 'overlong_transcript' end) as flag,
      (array_agg(s.state order by array_position(array['parked', 'running', 'dispatched', 'ready', 'joining', 'cancelled', 'done'], s.state)))[1] as state
    from callsift.steps s join callsift.runs r on r.id = s.run_id and r.generation = s.generation
    where s.run_id = any(${runIds as string[]}::bigint[]) group by s.run_id, s.name order by min(s.id)`.execute(db)
  const strips = new Map<string, FlaggedCell[]>()
  for (const { runId, ...cell } of rows.rows) strips.set(runId, [...(strips.get(runId) ?? []), cell])
  return strips
}

/** How many there are by state, whatever state the filter asks for. */
export async function countCalls(db: Queryable, filter: CallFilter): Promise<Record<RunState, number>> {
  const { status: _, ...others } = filter
  const { partOfPhone: __, ...narrowed } = others
  if (Object.values(narrowed).every((value) => value === undefined || value === '')) return await countRuns(db)
  const rows = await sql<{ state: RunState; n: number }>`select r.state, count(*)::int as n
    from callsift.calls c join callsift.runs r on r.id = c.run_id where ${conditions(others)} group by r.state`.execute(
    db,
  )
  const of = (state: RunState) => rows.rows.find((row) => row.state === state)?.n ?? 0
  return { running: of('running'), done: of('done'), parked: of('parked'), cancelled: of('cancelled') }
}

/** For an insert of all that a filter means, without bringing them here. */
export function selectCallIds(filter: CallFilter): RawBuilder<{ id: string }> {
  return sql`select c.id from callsift.calls c join callsift.runs r on r.id = c.run_id where ${conditions(filter)}`
}
