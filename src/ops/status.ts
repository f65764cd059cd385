import { z } from 'zod'
import type { App } from '../context.ts'
import { listPortals } from '../db/portals.ts'
import {
  countBehindGates,
  countRuns,
  countWrittenToday,
  findOldestRunning,
  listCauses,
  listWorkers,
} from '../db/status.ts'
import { classTexts } from '../wire/class-text.ts'
import { defineOperation } from './operation.ts'
import { showPortal } from './portals.ts'

async function queueAnswers(app: App): Promise<boolean> {
  try {
    await app.queues.ping()
    return true
  } catch {
    return false
  }
}

async function readCauses(app: App) {
  return (await listCauses(app.db)).map((cause) => {
    const text = Object.hasOwn(classTexts, cause.class) ? classTexts[cause.class] : undefined
    return {
      ...cause,
      // A class without words of its own is told by the newest step that met it.
      sentence: text?.title ?? cause.message ?? cause.class,
      mend: text?.mend ?? cause.hint,
    }
  })
}

async function readGates(app: App) {
  const behind = await countBehindGates(app.db)
  return (await app.gates.list()).map((gate) => ({
    ...gate,
    waiting: behind.find((one) => one.keyId === gate.keyId && one.name === gate.name)?.steps ?? 0,
  }))
}

/** Is everything alright? One look, and a sentence for each thing that is not. */
export async function readStatus(app: App) {
  const [workers, runs, causes, gates, portals, oldest, entriesToday, answers] = await Promise.all([
    listWorkers(app.db, app.config.timings.workerTtlMs),
    countRuns(app.db),
    readCauses(app),
    readGates(app),
    listPortals(app.db),
    findOldestRunning(app.db),
    countWrittenToday(app.db),
    queueAnswers(app),
  ])
  const alive = workers.filter((worker) => worker.alive).length
  const observed = app.config.write
    ? portals.filter((portal) => !portal.writeEnabled).map((portal) => portal.id)
    : portals.map((portal) => portal.id)
  const alarms: string[] = []
  if (alive === 0)
    alarms.push(
      'No worker is alive: calls are taken in, but nothing works on them. Start `callsift serve` or `callsift work`.',
    )
  if (!answers) alarms.push('The queue does not answer. Calls are taken in and go on when it is back.')
  if (portals.length === 0) alarms.push('No portal has been added yet. Add one with `callsift portal add`.')
  for (const gate of gates.filter((one) => one.opensInMs === null))
    alarms.push(`${gate.message}. ${gate.waiting} steps wait behind it.`)
  if (runs.parked > 0) alarms.push(`${runs.parked} calls are parked and need a person.`)
  return {
    ok: alarms.length === 0,
    alarms,
    version: app.version,
    mode: app.config.mode,
    sandbox: app.config.mode !== 'live',
    record: app.connection.kind,
    queue: { kind: app.queues.kind, answers },
    write: app.config.write,
    observed,
    workers,
    runs,
    causes,
    gates,
    portals: portals.map(showPortal),
    oldest,
    entriesToday,
  }
}
export type Status = Awaited<ReturnType<typeof readStatus>>

export const status = defineOperation({
  name: 'status',
  summary: 'Is everything alright? What runs, what waits and why, what needs a person.',
  input: z.strictObject({}),
  run: readStatus,
})
