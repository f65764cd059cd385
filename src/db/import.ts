import { sql } from 'kysely'
import { UsageError } from '../errors.ts'
import { type BackupHead, type BackupTable, damaged } from './backup-format.ts'
import { type BackupLine, readBackup } from './backup-lines.ts'
import type { Connection, Database, Queryable } from './connect.ts'
import { quote } from './export.ts'
import { migrate, programLevel } from './migrate.ts'
import { listRecordTables, type RecordTable } from './record-tables.ts'

const maxBatchRows = 200
const maxBatchBytes = 1024 * 1024

/**
 * So long after an import a write that this record knows nothing of is looked for before it is made: what was written after the
 * backup was taken is in the CRM, not in the file. As long as a day's reconcile may bring such calls back, and a day more.
 */
const lookBackHours = 48

export interface ImportReport {
  readonly head: BackupHead
  readonly rows: number
  readonly tables: Readonly<Record<string, number>>
  /** Steps that were under way when the backup was taken, and are due again. */
  readonly resumed: number
}

/**
 * Puts a backup into this record, in one transaction: all of it or nothing. Throws `UsageError` where the record is not empty (unless
 * `replace`) or workers are on it, `BadBackup` for what is wrong with the file.
 */
export async function importRecord(
  connection: Connection,
  source: AsyncIterable<Buffer>,
  options: { replace: boolean; workerTtlMs: number; onHead?: (head: BackupHead) => Promise<void> },
): Promise<ImportReport> {
  const lines = readBackup(source)
  const first = await lines.next()
  if (first.done === true || first.value.kind !== 'head') throw damaged('it has no head')
  const { head } = first.value
  if (head.level > programLevel) {
    throw new UsageError(
      `The backup is of schema level ${head.level}, made by release ${head.program}; this release knows level ${programLevel}.`,
      { hint: `Import it with release ${head.program} or a newer one.`, exitCode: 78 },
    )
  }
  const { db } = connection
  await migrate(db)
  await refuseWhileWorked(db, options.workerTtlMs)
  await options.onHead?.(head)
  return await db.transaction().execute(async (trx) => {
    const tables = await listRecordTables(trx)
    await sql.raw(`lock table ${tables.map(fullName).join(', ')} in access exclusive mode`).execute(trx)
    const kept = tables.filter((table) => table.name !== 'meta')
    if (options.replace) await sql.raw(`truncate ${kept.map(fullName).join(', ')} restart identity`).execute(trx)
    else await refuseNonEmpty(trx, kept)
    const counts = await loadRows(trx, lines, tables)
    const resumed = await makeWorkable(trx, head)
    return { head, tables: counts, rows: Object.values(counts).reduce((sum, count) => sum + count, 0), resumed }
  })
}

const fullName = (table: RecordTable) => `callsift.${quote(table.name)}`

async function refuseWhileWorked(db: Database, workerTtlMs: number): Promise<void> {
  const alive = await sql<{ id: string }>`select id from callsift.workers
    where heartbeat_at > clock_timestamp() - ${workerTtlMs} * interval '1 millisecond'`.execute(db)
  if (alive.rows.length === 0) return
  throw new UsageError(`${alive.rows.length} workers are at work on this record. Nothing was changed.`, {
    hint: 'Stop `callsift serve` and every `callsift work` on it first, import, then start them again.',
    exitCode: 78,
  })
}

async function refuseNonEmpty(trx: Queryable, tables: readonly RecordTable[]): Promise<void> {
  for (const table of tables) {
    const any = await sql
      .raw<{ found: boolean }>(`select exists (select 1 from ${fullName(table)}) as found`)
      .execute(trx)
    if (any.rows[0]?.found !== true) continue
    throw new UsageError(`This record is not empty (it has ${table.name}). Nothing was changed.`, {
      hint: 'Import into an empty one, or say --replace: what stands here is then removed.',
      exitCode: 78,
    })
  }
}

async function loadRows(
  trx: Queryable,
  lines: AsyncIterable<BackupLine>,
  tables: readonly RecordTable[],
): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  let into: { table: RecordTable; told: BackupTable } | null = null
  let batch: string[] = []
  let batchBytes = 0
  const flush = async () => {
    if (into === null || batch.length === 0) return
    await insertRows(trx, into.table, into.told.columns, `[${batch.join(',')}]`)
    counts[into.table.name] = (counts[into.table.name] ?? 0) + batch.length
    batch = []
    batchBytes = 0
  }
  for await (const line of lines) {
    if (line.kind === 'head') throw damaged('it has two heads')
    if (line.kind === 'table') {
      await flush()
      into = { table: findTable(tables, line.table), told: line.table }
      await setNumber(trx, into.table, line.table.lastNumber)
      continue
    }
    if (into === null) throw damaged('rows stand before the name of their table')
    batch.push(line.json)
    batchBytes += line.json.length
    if (batch.length >= maxBatchRows || batchBytes >= maxBatchBytes) await flush()
  }
  await flush()
  return counts
}

function findTable(tables: readonly RecordTable[], told: BackupTable): RecordTable {
  const table = tables.find((one) => one.name === told.name)
  const strange = told.columns.find((name) => !table?.columns.some((column) => column.name === name))
  if (table !== undefined && strange === undefined) return table
  const what = table === undefined ? `a table ${told.name}` : `a column ${told.name}.${strange}`
  throw new UsageError(`The backup has ${what}, which this release does not know. Nothing was changed.`, {
    hint: 'Import it with the release that made it, then upgrade that record.',
    exitCode: 78,
  })
}

async function insertRows(trx: Queryable, table: RecordTable, names: readonly string[], json: string): Promise<void> {
  const columns = table.columns.filter((column) => names.includes(column.name))
  const read = columns.map(({ name, type, notNull }) => {
    const value = `one.${quote(name)}`
    if (type === 'bytea') return `decode(${value}, 'base64')`
    // JSON's null and SQL's look the same in a row's JSON.
    return type === 'jsonb' && notNull ? `coalesce(${value}, 'null'::jsonb)` : value
  })
  const shape = columns.map(({ name, type }) => `${quote(name)} ${type === 'bytea' ? 'text' : type}`)
  const into = `insert into ${fullName(table)} (${columns.map(({ name }) => quote(name)).join(', ')}) overriding system value
    select ${read.join(', ')} from json_to_recordset(`
  const tail = `::json) as one (${shape.join(', ')})${table.name === 'meta' ? ' on conflict (key) do nothing' : ''}`
  try {
    await sql`${sql.raw(into)}${json}${sql.raw(tail)}`.execute(trx)
  } catch (error) {
    // Class 22 and 23 of SQLSTATE: what the row holds is not what the column takes.
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (/^2[23]/.test(code)) throw damaged(`a row of ${table.name} can not be stored (${(error as Error).message})`)
    throw error
  }
}

async function setNumber(trx: Queryable, table: RecordTable, last: string | null): Promise<void> {
  if (table.numbered === null || last === null) return
  await sql`select setval(${table.numbered.sequence}::regclass, ${last}::bigint)`.execute(trx)
}

/**
 * What was under way goes on: its steps are due again under a number and a fence that no job and no worker of before has. Writes in
 * doubt keep the time they were sent at, by which the read-back knows how long to look. The queue's epoch is forgotten, so that the
 * first process asks the queue for nothing it held before.
 */
async function makeWorkable(trx: Queryable, head: BackupHead): Promise<number> {
  await sql`update callsift.attempts set finished_at = clock_timestamp(), outcome = 'lost' where finished_at is null`.execute(
    trx,
  )
  await sql`update callsift.steps s set state = 'cancelled', worker_id = null, fence = fence + 1, finished_at = clock_timestamp()
    from callsift.runs r where r.id = s.run_id and s.state in ('dispatched', 'running')
      and (s.generation < r.generation or r.state = 'cancelled')`.execute(trx)
  const resumed = await sql`update callsift.steps set state = 'ready', worker_id = null, dispatch_no = dispatch_no + 1,
      fence = fence + 1, gate_passed = false, dispatched_at = null
    where state in ('dispatched', 'running') returning id`.execute(trx)
  await sql`update callsift.portals set reconcile_lease_until = null`.execute(trx)
  await sql`update callsift.gates set trial = false`.execute(trx)
  await sql`delete from callsift.slots`.execute(trx)
  await sql`delete from callsift.meta where key = 'queue_epoch'`.execute(trx)
  await sql`insert into callsift.meta (key, value) values ('restored', json_build_object('from', ${head.takenAt}::text,
      'until', clock_timestamp() + ${lookBackHours} * interval '1 hour')::text)
    on conflict (key) do update set value = excluded.value`.execute(trx)
  return resumed.rows.length
}
