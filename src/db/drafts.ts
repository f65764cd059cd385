import { sql } from 'kysely'
import type { Queryable } from './connect.ts'
import type { RunState } from './schema.ts'
import type { DraftState } from './schema-drafts.ts'

export interface Draft {
  readonly id: string
  readonly portalId: string
  readonly collection: string
  readonly recordId: number
  readonly recordName: string | null
  readonly field: string
  readonly seenHash: string
  readonly rubric: string
  readonly oldText: string
  readonly text: string
  readonly doubts: readonly string[]
  readonly state: DraftState
  readonly note: string | null
  readonly intentNo: number
  readonly createdAt: Date
  readonly decidedBy: string | null
  readonly decidedAt: Date | null
  readonly writtenAt: Date | null
  readonly writeRunId: string | null
  /** Of the run that brings it to the CRM: how that stands, and the class of its failure. */
  readonly runState: RunState | null
  readonly runClass: string | null
}

const columns = sql`d.id, d.portal_id as "portalId", d.collection, d.record_id::float8 as "recordId", d.record_name as "recordName",
  d.field, d.seen_hash as "seenHash", d.rubric, d.old_text as "oldText", d.text, d.doubts, d.state, d.note, d.intent_no as "intentNo",
  d.created_at as "createdAt", d.decided_by as "decidedBy", d.decided_at as "decidedAt", d.written_at as "writtenAt",
  d.write_run_id as "writeRunId", r.state as "runState", r.class as "runClass"`
const from = sql`callsift.drafts d left join callsift.runs r on r.id = d.write_run_id`

/** Of each record the newest draft. */
export async function readNewestDrafts(
  db: Queryable,
  portalId: string,
  collection: string,
  recordIds: readonly number[],
): Promise<Map<number, Draft>> {
  const rows = await sql<Draft>`select distinct on (d.record_id) ${columns} from ${from}
    where d.portal_id = ${portalId} and d.collection = ${collection} and d.record_id = any(${recordIds}::bigint[])
    order by d.record_id, d.id desc`.execute(db)
  return new Map(rows.rows.map((row) => [row.recordId, row]))
}

export async function readDraft(db: Queryable, id: string): Promise<Draft | null> {
  const rows = await sql<Draft>`select ${columns} from ${from} where d.id = ${id}`.execute(db)
  return rows.rows[0] ?? null
}

/** That of a run which died after it had paid for the text, and before it told so. */
export async function readDraftOfRun(db: Queryable, runId: string): Promise<Draft | null> {
  const rows = await sql<Draft>`select ${columns} from ${from} where d.run_id = ${runId}`.execute(db)
  return rows.rows[0] ?? null
}

export type DraftShelf = 'waiting' | 'decided'

/** Those that wait, the oldest first; or those that a person or a batch has decided about, the newest first. */
export async function listDrafts(
  db: Queryable,
  page: { shelf: DraftShelf; cursor?: string | undefined; limit: number },
): Promise<Draft[]> {
  const rows =
    page.shelf === 'waiting'
      ? await sql<Draft>`select ${columns} from ${from} where d.state = 'waiting'
          and ${page.cursor === undefined ? sql`true` : sql`d.id > ${page.cursor}::bigint`} order by d.id limit ${page.limit}`.execute(
          db,
        )
      : await sql<Draft>`select ${columns} from ${from} where d.state not in ('waiting', 'superseded')
          and ${page.cursor === undefined ? sql`true` : sql`d.id < ${page.cursor}::bigint`} order by d.id desc limit ${page.limit}`.execute(
          db,
        )
  return rows.rows
}

/** How many wait, counted up to `most`. */
export async function countWaitingDrafts(db: Queryable, most: number): Promise<number> {
  const rows = await sql<{ n: number }>`select count(*)::int as n from (
    select 1 from callsift.drafts where state = 'waiting' limit ${most}) waiting`.execute(db)
  return rows.rows[0]?.n ?? 0
}

export interface NewDraft
  extends Pick<
    Draft,
    | 'portalId'
    | 'collection'
    | 'recordId'
    | 'recordName'
    | 'field'
    | 'seenHash'
    | 'rubric'
    | 'oldText'
    | 'text'
    | 'doubts'
  > {
  readonly state: 'waiting' | 'observed' | 'approved'
  readonly runId: string
}

/** Keeps a draft, once for its run; those of the record that nobody has decided about give way to it. */
export async function addDraft(db: Queryable, draft: NewDraft): Promise<string> {
  const made = await sql<{
    id: string
  }>`with made as (insert into callsift.drafts (portal_id, collection, record_id, record_name,
      field, seen_hash, rubric, old_text, text, doubts, state, run_id, write_run_id)
    values (${draft.portalId}, ${draft.collection}, ${draft.recordId}, ${draft.recordName}, ${draft.field}, ${draft.seenHash},
      ${draft.rubric}, ${draft.oldText}, ${draft.text}, ${JSON.stringify(draft.doubts)}::jsonb, ${draft.state}, ${draft.runId},
      ${draft.state === 'approved' ? draft.runId : null})
    on conflict (run_id) do update set run_id = excluded.run_id returning id),
    before as (update callsift.drafts d set state = 'superseded' from made where d.portal_id = ${draft.portalId}
      and d.collection = ${draft.collection} and d.record_id = ${draft.recordId} and d.id < made.id
      and d.state in ('waiting', 'observed'))
    select id from made`.execute(db)
  const id = made.rows[0]?.id
  if (id === undefined) throw new Error('a draft was not kept')
  return id
}

/** Moves a draft on, if it still stands in one of `from`; null = it does not, somebody was faster. */
export async function moveDraft(
  db: Queryable,
  id: string,
  move: {
    readonly from: readonly DraftState[]
    readonly to: DraftState
    readonly note?: string | null
    readonly text?: string | undefined
    readonly oldText?: string
    readonly writeRunId?: string
    /** A person's or a batch's decision: it gets a write of its own. */
    readonly by?: string
  },
): Promise<{ intentNo: number } | null> {
  const moved = await sql<{
    intentNo: number
  }>`update callsift.drafts set state = ${move.to}, note = ${move.note ?? null},
      text = coalesce(${move.text ?? null}::text, text), old_text = coalesce(${move.oldText ?? null}::text, old_text),
      write_run_id = coalesce(${move.writeRunId ?? null}::bigint, write_run_id),
      intent_no = intent_no + ${move.by === undefined ? 0 : 1}, decided_by = coalesce(${move.by ?? null}::text, decided_by),
      decided_at = case when ${move.by !== undefined} then now() else decided_at end,
      written_at = case when ${move.to === 'written'} and state <> 'undoing' then now() else written_at end
    where id = ${id} and state = any(${move.from}::text[]) returning intent_no as "intentNo"`.execute(db)
  return moved.rows[0] ?? null
}
