import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import { UsageError } from '../errors.ts'
import { type BackupHead, type BackupTable, backupFormat } from './backup-format.ts'
import type { Connection, Queryable } from './connect.ts'
import { readLevel } from './migrate.ts'
import { listRecordTables, ownMetaKeys, type RecordTable } from './record-tables.ts'

/** Rows that are read at a time: few where a row holds a quarter of a megabyte. */
const rowsAtOnce = 200
const heavyRowsAtOnce = 8

export interface ExportReport {
  readonly rows: number
  readonly bytes: number
  readonly tables: Readonly<Record<string, number>>
}

/**
 * Writes the whole record as one moment has it (a repeatable read transaction), row by row, so that memory stays flat however much
 * there is. Nobody who works on the record meanwhile waits for it on a server; an embedded record has one session, so it must be idle.
 * API keys stay sealed. `write` is awaited for each piece.
 */
export async function exportRecord(
  connection: Connection,
  facts: { program: string; secretKey?: string | undefined },
  write: (text: string) => Promise<void>,
): Promise<ExportReport> {
  const hash = createHash('sha256')
  const written: Record<string, number> = {}
  let bytes = 0
  let rows = 0
  const put = async (text: string) => {
    hash.update(text)
    bytes += Buffer.byteLength(text)
    await write(text)
  }
  const line = (value: BackupHead | BackupTable) => put(`${JSON.stringify(value)}\n`)
  await connection.db
    .transaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute(async (trx) => {
      const { level } = await readLevel(trx)
      if (level === 0) {
        throw new UsageError('There is no record here yet, so there is nothing to export.', {
          hint: 'Check CALLSIFT_DATA or DATABASE_URL.',
          exitCode: 78,
        })
      }
      const clock = await sql<{ at: Date }>`select clock_timestamp() as at`.execute(trx)
      await line({
        callsift: 'backup',
        format: backupFormat,
        level,
        program: facts.program,
        source: connection.kind,
        takenAt: (clock.rows[0]?.at ?? new Date(Number.NaN)).toISOString(),
        ...(facts.secretKey === undefined ? {} : { secretKey: facts.secretKey }),
      })
      for (const table of await listRecordTables(trx)) {
        const columns = table.columns.map((column) => column.name)
        await line({ callsift: 'table', name: table.name, columns, lastNumber: await readLastNumber(trx, table) })
        written[table.name] = await writeRows(trx, table, put)
        rows += written[table.name] ?? 0
      }
    })
  await write(`${JSON.stringify({ callsift: 'end', rows, sha256: hash.digest('hex') })}\n`)
  return { rows, bytes, tables: written }
}

async function readLastNumber(trx: Queryable, table: RecordTable): Promise<string | null> {
  if (table.numbered === null) return null
  const last = await sql<{ last: string }>`select last_value::text as last from ${sql.raw(table.numbered.sequence)}
    where is_called`.execute(trx)
  return last.rows[0]?.last ?? null
}

/** The database itself makes the JSON: no number, time or text passes through a type that could change it. */
async function writeRows(trx: Queryable, table: RecordTable, put: (text: string) => Promise<void>): Promise<number> {
  const bytea = table.columns.some((column) => column.type === 'bytea')
  const columns = table.columns.map(({ name, type }) => {
    const quoted = quote(name)
    // Postgres breaks base64 into lines, which JSON would spell out.
    return type === 'bytea' ? `translate(encode(${quoted}, 'base64'), E'\\n', '') as ${quoted}` : quoted
  })
  const order = table.key.length === 0 ? '' : ` order by ${table.key.map(quote).join(', ')}`
  const own = table.name === 'meta' ? ` where key not in (${ownMetaKeys.map((key) => `'${key}'`).join(', ')})` : ''
  await sql
    .raw(`declare backup no scroll cursor for
      select row_to_json(one)::text as row from (select ${columns.join(', ')} from callsift.${quote(table.name)}${own}${order}) one`)
    .execute(trx)
  let count = 0
  for (;;) {
    const page = await sql<{
      row: string
    }>`${sql.raw(`fetch ${bytea ? heavyRowsAtOnce : rowsAtOnce} from backup`)}`.execute(trx)
    if (page.rows.length === 0) break
    count += page.rows.length
    await put(page.rows.map(({ row }) => `${row}\n`).join(''))
  }
  await sql`close backup`.execute(trx)
  return count
}

export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
