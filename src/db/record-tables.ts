import { sql } from 'kysely'
import type { Queryable } from './connect.ts'

export interface RecordColumn {
  readonly name: string
  /** As `format_type` says it, e.g. `timestamp with time zone`. */
  readonly type: string
  readonly notNull: boolean
}

/** A table of the record that belongs into a backup. */
export interface RecordTable {
  readonly name: string
  readonly columns: readonly RecordColumn[]
  /** Columns of the primary key, in its order. */
  readonly key: readonly string[]
  /** The column that numbers itself, and its sequence. */
  readonly numbered: { readonly column: string; readonly sequence: string } | null
}

/** What belongs to the processes of the moment, or to who is logged in to them, not to the record; `meta` is written anew, but for what a store keeps there. */
const leftOut = ['workers', 'slots', 'sessions', 'login_links']
/** Rows of `meta` that say how this database is, not what it holds. */
export const ownMetaKeys = ['level', 'oldest_program', 'queue_epoch', 'restored']

/**
 * The tables of a backup as the database itself describes them, those that others point to first; so a table that a later
 * migration adds is in the backup without anybody thinking of it.
 */
export async function listRecordTables(db: Queryable): Promise<RecordTable[]> {
  const columns = await sql<{ table: string; name: string; type: string; notNull: boolean; sequence: string | null }>`
    select c.relname as "table", a.attname as name, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull as "notNull",
      case when a.attidentity <> '' then pg_get_serial_sequence('callsift.' || quote_ident(c.relname), a.attname) end as sequence
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
    where n.nspname = 'callsift' and c.relkind in ('r', 'p') and not (c.relname = any(${leftOut}::text[]))
    order by c.relname, a.attnum`.execute(db)
  const keys = await sql<{ table: string; name: string }>`
    select c.relname as "table", a.attname as name
    from pg_index i join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace
    join pg_attribute a on a.attrelid = c.oid and a.attnum = any(i.indkey)
    where n.nspname = 'callsift' and i.indisprimary order by c.relname, array_position(i.indkey::int[], a.attnum::int)`.execute(
    db,
  )
  const pointers = await sql<{ from: string; to: string }>`
    select c.relname as "from", t.relname as "to"
    from pg_constraint f join pg_class c on c.oid = f.conrelid join pg_class t on t.oid = f.confrelid
    join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'callsift' and f.contype = 'f' and c.oid <> t.oid`.execute(db)
  const names = [...new Set(columns.rows.map((row) => row.table))]
  return inOrder(names, pointers.rows).map((name) => {
    const own = columns.rows.filter((row) => row.table === name)
    const numbered = own.find((row) => row.sequence !== null)
    return {
      name,
      columns: own.map((row) => ({ name: row.name, type: row.type, notNull: row.notNull })),
      key: keys.rows.filter((row) => row.table === name).map((row) => row.name),
      numbered:
        numbered === undefined || numbered.sequence === null
          ? null
          : { column: numbered.name, sequence: numbered.sequence },
    }
  })
}

/** Whatever is pointed to stands before what points to it. */
export function inOrder(names: readonly string[], pointers: readonly { from: string; to: string }[]): string[] {
  const placed: string[] = []
  const waiting = new Set(names)
  while (waiting.size > 0) {
    const free = [...waiting].filter((name) => !pointers.some((one) => one.from === name && waiting.has(one.to)))
    if (free.length === 0) throw new Error(`the tables ${[...waiting].join(', ')} point at each other in a ring`)
    for (const name of free) {
      placed.push(name)
      waiting.delete(name)
    }
  }
  return placed
}
