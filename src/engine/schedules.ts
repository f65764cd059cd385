import { sql } from 'kysely'
import { againOnDeadlock } from '../db/again-on-deadlock.ts'
import type { Database, Queryable } from '../db/connect.ts'
import type { Log } from '../log.ts'
import { nextTime } from './next-time.ts'
import type { Registry } from './registry.ts'
import { startBatch } from './start-batch.ts'

interface DueSchedule {
  readonly name: string
  readonly portal_id: string
  readonly workflow: string
  readonly cron: string
  readonly time_zone: string
  readonly input: unknown
  readonly due_at: Date
  readonly now: Date
}

/**
 * Starts what is due, each in one transaction with its next moment: two processes cannot start one slot twice, and one that dies
 * in between has started nothing. A slot that was missed because nothing ran is made up for once, however many were missed.
 * One whose last run still goes on is left out and says so. Returns how many runs began.
 */
export async function startDue<Context>(db: Database, registry: Registry<Context>, log: Log): Promise<number> {
  let started = 0
  for (;;) {
    const outcome = await againOnDeadlock(() => db.transaction().execute((trx) => startNext(trx, registry, log)))
    if (outcome === 'none') return started
    if (outcome === 'started') started += 1
  }
}

async function startNext<Context>(
  trx: Queryable,
  registry: Registry<Context>,
  log: Log,
): Promise<'none' | 'started' | 'left out'> {
  const known = registry.workflows.map((workflow) => workflow.name)
  // A schedule of a newer release is that release's; one that another process is at is being started.
  const due =
    await sql<DueSchedule>`select name, portal_id, workflow, cron, time_zone, input, due_at, clock_timestamp() as now
    from callsift.schedules where not paused and cron is not null and due_at <= clock_timestamp()
      and workflow = any(${known}::text[]) order by due_at limit 1 for update skip locked`.execute(trx)
  const [schedule] = due.rows
  if (schedule === undefined) return 'none'
  const { name, due_at: slot } = schedule
  const result = await startSlot(trx, registry, schedule, `${name} ${slot.toISOString()}`)
  const next = nextTime(schedule.cron, schedule.time_zone, schedule.now)
  await sql`update callsift.schedules set due_at = ${next}, last_run_at = clock_timestamp(),
      last_result = ${JSON.stringify({ slot: slot.toISOString(), ...result })}::jsonb where name = ${name}`.execute(trx)
  if ('runId' in result) log.info({ schedule: name, slot, ...result }, 'a schedule began its run')
  else log.warn({ schedule: name, slot, ...result }, 'a schedule could not begin its run')
  return 'runId' in result ? 'started' : 'left out'
}

export async function startSlot<Context>(
  trx: Queryable,
  registry: Registry<Context>,
  schedule: { portal_id: string; workflow: string; input: unknown },
  slot: string,
): Promise<{ runId: string } | { leftOut: string }> {
  const portal = await sql`select id from callsift.portals where id = ${schedule.portal_id}`.execute(trx)
  if (portal.rows.length === 0) return { leftOut: `portal ${schedule.portal_id} is not set up any more` }
  const { workflow, input } = schedule
  const read = registry.workflow(workflow).input.safeParse(input)
  if (!read.success) return { leftOut: `its options are not understood any more: ${read.error.issues[0]?.message}` }
  const started = await startBatch(trx, registry, { workflow, portalId: schedule.portal_id, slot, input: read.data })
  return 'busy' in started ? { leftOut: `batch ${started.busy} still runs` } : { runId: started.runId }
}
