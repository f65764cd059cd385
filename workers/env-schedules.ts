import { createHash } from 'node:crypto'
import type { Database } from '../src/db/connect.ts'
import { listPortals } from '../src/db/portals.ts'
import { addSchedule, dropUnnamed, findSchedule, replaceSchedule } from '../src/db/schedules.ts'
import { nextTime } from '../src/engine/next-time.ts'
import type { Registry } from '../src/engine/registry.ts'
import type { EnvSchedule } from '../src/env-shapes.ts'
import { UsageError } from '../src/errors.ts'
import type { Log } from '../src/log.ts'
import type { CallContext } from './call-context.ts'

/** Throws `UsageError` (exit 78) with every mistake that CALLSIFT_SCHEDULES has beside its shape. */
export function checkEnvSchedules(wanted: readonly EnvSchedule[], registry: Registry<CallContext>): void {
  const mistakes = wanted.flatMap(({ name, workflow, cron, timeZone, input }) => {
    const found = registry.startable(workflow)
    if (found === null) return [`${name}: nothing is started as ${workflow}; there are ${registry.verbs.join(', ')}`]
    const read = found.input.safeParse(input)
    const wrong = read.success ? [] : read.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`)
    try {
      nextTime(cron, timeZone ?? 'UTC', new Date())
    } catch (error) {
      wrong.push(`"${cron}" in ${timeZone ?? 'UTC'}: ${error instanceof Error ? error.message : String(error)}`)
    }
    return wrong.map((line) => `${name}: ${line}`)
  })
  if (mistakes.length === 0) return
  throw new UsageError(`CALLSIFT_SCHEDULES can't be used:\n${mistakes.map((line) => `  ${line}`).join('\n')}`, {
    exitCode: 78,
    hint: 'docs/workflows.md shows what a schedule is made of.',
  })
}

/**
 * Makes the schedules of the environment stand as it says. One that stands as it said already is left as it is, so that a person's pause or
 * change outlives a restart; one of the same name that a person made is left alone. Safe in any number of processes. Returns those whose
 * portal is not there yet: it may be added later.
 */
export async function applyEnvSchedules(
  db: Database,
  registry: Registry<CallContext>,
  log: Log,
  wanted: readonly EnvSchedule[],
): Promise<EnvSchedule[]> {
  const portals = await listPortals(db)
  const missing: EnvSchedule[] = []
  for (const one of wanted) {
    const portal =
      one.portal === undefined && portals.length === 1 ? portals[0] : portals.find(({ id }) => id === one.portal)
    const workflow = registry.startable(one.workflow)
    if (portal === undefined || workflow === null) {
      missing.push(one)
      continue
    }
    const environment = createHash('sha256').update(JSON.stringify(one)).digest('hex').slice(0, 16)
    const standing = await findSchedule(db, one.name)
    if (standing?.environment === environment) continue
    const timeZone = one.timeZone ?? portal.settings.timeZone ?? 'UTC'
    const schedule = {
      name: one.name,
      portalId: portal.id,
      workflow: workflow.name,
      cron: one.cron,
      timeZone,
      input: workflow.input.parse(one.input),
      dueAt: nextTime(one.cron, timeZone, new Date()),
      environment,
    }
    if (standing === null) await addSchedule(db, schedule)
    else if (standing.environment !== null) await replaceSchedule(db, schedule)
    else
      log.warn({ schedule: one.name }, 'a schedule of CALLSIFT_SCHEDULES is left out: a person made one of this name')
  }
  return missing
}

/** Removes schedules that the environment does not name any more. */
export async function dropEnvSchedules(db: Database, log: Log, wanted: readonly EnvSchedule[]): Promise<void> {
  const gone = await dropUnnamed(
    db,
    wanted.map((one) => one.name),
  )
  for (const name of gone)
    log.info({ schedule: name }, 'a schedule was removed: CALLSIFT_SCHEDULES does not name it any more')
}
