import { sql } from 'kysely'
import { UsageError } from '../errors.ts'
import type { Database } from './connect.ts'
import { record } from './migrations/0001-record.ts'
import { alertsAndSpend } from './migrations/0002-alerts-and-spend.ts'
import { hotPaths } from './migrations/0003-hot-paths.ts'
import { tombstones } from './migrations/0004-tombstones.ts'
import { intake } from './migrations/0005-intake.ts'
import { hearing } from './migrations/0006-hearing.ts'
import { dashboard } from './migrations/0007-dashboard.ts'
import { batches } from './migrations/0008-batches.ts'
import { router } from './migrations/0009-router.ts'
import { drafts } from './migrations/0010-drafts.ts'
import { bots } from './migrations/0011-bots.ts'
import { schedulesFromTheEnvironment } from './migrations/0012-schedules-from-the-environment.ts'
import { disabledUsers } from './migrations/0014-disabled-users.ts'
import { livesOfWorkers } from './migrations/0015-lives-of-workers.ts'

/**
 * One step of the schema. Migrations expand first (new tables, nullable columns, defaults) and contract a release later,
 * so that an older program can go on beside a newer one; `oldestProgram` is the lowest level that still can.
 */
export interface Migration {
  readonly level: number
  readonly oldestProgram: number
  readonly statements: readonly string[]
}

const migrations: readonly Migration[] = [
  record,
  alertsAndSpend,
  hotPaths,
  tombstones,
  intake,
  hearing,
  dashboard,
  batches,
  router,
  drafts,
  bots,
  schedulesFromTheEnvironment,
  disabledUsers,
  livesOfWorkers,
]

/** The schema level that this program knows. */
export const programLevel = Math.max(...migrations.map((migration) => migration.level))

export interface MigrationReport {
  readonly from: number
  readonly to: number
  readonly applied: readonly number[]
}

/** The level that the database stands at; 0 = empty. */
export async function readLevel(db: Database): Promise<{ level: number; oldestProgram: number }> {
  const exists = await sql<{ found: boolean }>`select to_regclass('callsift.meta') is not null as found`.execute(db)
  if (!exists.rows[0]?.found) return { level: 0, oldestProgram: 0 }
  const rows = await db
    .selectFrom('callsift.meta')
    .selectAll()
    .where('key', 'in', ['level', 'oldest_program'])
    .execute()
  const read = (key: string) => Number(rows.find((row) => row.key === key)?.value ?? 0)
  return { level: read('level'), oldestProgram: read('oldest_program') }
}

/**
 * Brings the schema up to this program's level, under a lock, all or nothing.
 * Throws `UsageError` (exit 78) only when the database itself says that it is too new for this program.
 */
export async function migrate(
  db: Database,
  options: { list?: readonly Migration[]; dryRun?: boolean } = {},
): Promise<MigrationReport> {
  const list = options.list ?? migrations
  const known = Math.max(...list.map((migration) => migration.level))
  return await db.transaction().execute(async (trx) => {
    await sql`select pg_advisory_xact_lock(hashtext('callsift.migrate'))`.execute(trx)
    const { level, oldestProgram } = await readLevel(trx)
    if (oldestProgram > known) {
      throw new UsageError(
        `The database is at schema level ${level} and serves programs from level ${oldestProgram} on; this program knows level ${known}.`,
        {
          exitCode: 78,
          hint: 'Start a newer release of callsift on this database, or restore the backup made before the upgrade.',
        },
      )
    }
    const due = list.filter((migration) => migration.level > level).sort((a, b) => a.level - b.level)
    const last = due.at(-1)
    if (last === undefined || options.dryRun) {
      return { from: level, to: options.dryRun ? (last?.level ?? level) : level, applied: due.map((one) => one.level) }
    }
    await sql`create schema if not exists callsift`.execute(trx)
    await sql`create table if not exists callsift.meta (key text primary key, value text not null)`.execute(trx)
    for (const migration of due) {
      for (const statement of migration.statements) await sql.raw(statement).execute(trx)
    }
    const oldest = Math.max(oldestProgram, ...due.map((migration) => migration.oldestProgram))
    for (const [key, value] of [
      ['level', last.level],
      ['oldest_program', oldest],
    ] as const) {
      await sql`insert into callsift.meta (key, value) values (${key}, ${String(value)})
        on conflict (key) do update set value = excluded.value`.execute(trx)
    }
    return { from: level, to: last.level, applied: due.map((migration) => migration.level) }
  })
}
