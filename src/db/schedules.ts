import { sql } from 'kysely'
import type { Queryable } from './connect.ts'

export interface Schedule {
  readonly name: string
  readonly portalId: string
  readonly workflow: string
  readonly cron: string
  readonly timeZone: string
  readonly input: unknown
  readonly paused: boolean
  readonly dueAt: Date
  readonly lastRunAt: Date | null
  /** `{slot, runId}`, or `{slot, leftOut}` with the reason why no run began. */
  readonly lastResult: unknown
  /** A digest of what the environment says of it; null = made by a person. */
  readonly environment: string | null
}

const columns = sql`name, portal_id as "portalId", workflow, cron, time_zone as "timeZone", input, paused, due_at as "dueAt",
  last_run_at as "lastRunAt", last_result as "lastResult", environment`

export async function listSchedules(db: Queryable): Promise<Schedule[]> {
  const rows =
    await sql<Schedule>`select ${columns} from callsift.schedules where cron is not null order by name`.execute(db)
  return rows.rows
}

export async function findSchedule(db: Queryable, name: string): Promise<Schedule | null> {
  const rows =
    await sql<Schedule>`select ${columns} from callsift.schedules where name = ${name} and cron is not null`.execute(db)
  return rows.rows[0] ?? null
}

type NewSchedule = Pick<Schedule, 'name' | 'portalId' | 'workflow' | 'cron' | 'timeZone' | 'input' | 'dueAt'> &
  Partial<Pick<Schedule, 'environment'>>

/** False where the name is taken. */
export async function addSchedule(db: Queryable, wanted: NewSchedule): Promise<boolean> {
  const added =
    await sql`insert into callsift.schedules (name, portal_id, workflow, cron, time_zone, input, due_at, environment)
    values (${wanted.name}, ${wanted.portalId}, ${wanted.workflow}, ${wanted.cron}, ${wanted.timeZone},
      ${JSON.stringify(wanted.input)}::jsonb, ${wanted.dueAt}, ${wanted.environment ?? null})
    on conflict (name) do nothing returning name`.execute(db)
  return added.rows.length > 0
}

export async function changeSchedule(
  db: Queryable,
  name: string,
  change: Pick<Schedule, 'cron' | 'timeZone' | 'input' | 'paused' | 'dueAt'>,
): Promise<void> {
  await sql`update callsift.schedules set cron = ${change.cron}, time_zone = ${change.timeZone},
      input = ${JSON.stringify(change.input)}::jsonb, paused = ${change.paused}, due_at = ${change.dueAt}
    where name = ${name}`.execute(db)
}

export async function noteScheduleRun(db: Queryable, name: string, result: unknown): Promise<void> {
  await sql`update callsift.schedules set last_run_at = clock_timestamp(), last_result = ${JSON.stringify(result)}::jsonb
    where name = ${name}`.execute(db)
}

export async function removeSchedule(db: Queryable, name: string): Promise<boolean> {
  const removed = await sql`delete from callsift.schedules where name = ${name} returning name`.execute(db)
  return removed.rows.length > 0
}

/** Puts what the environment says now in the place of what it said before. A person's pause stays; other changes by hand do not. */
export async function replaceSchedule(db: Queryable, wanted: NewSchedule): Promise<void> {
  await sql`update callsift.schedules set portal_id = ${wanted.portalId}, workflow = ${wanted.workflow}, cron = ${wanted.cron},
      time_zone = ${wanted.timeZone}, input = ${JSON.stringify(wanted.input)}::jsonb, due_at = ${wanted.dueAt},
      environment = ${wanted.environment ?? null}
    where name = ${wanted.name} and environment is not null`.execute(db)
}

/** Removes those that the environment named before and does not name any more. Returns their names. */
export async function dropUnnamed(db: Queryable, named: readonly string[]): Promise<string[]> {
  const gone = await sql<{ name: string }>`delete from callsift.schedules
    where environment is not null and not name = any(${named as string[]}::text[]) returning name`.execute(db)
  return gone.rows.map((row) => row.name)
}
