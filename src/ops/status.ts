import { z } from 'zod'
import type { App } from '../context.ts'
import { listAlerts } from '../db/alerts.ts'
import { listOpenBatches } from '../db/batches.ts'
import { listPortals, type Portal } from '../db/portals.ts'
import { readSpent, type Spent } from '../db/spend.ts'
import {
  countBehindGates,
  countRuns,
  countWrittenToday,
  findOldestRunning,
  listCauses,
  listWorkers,
} from '../db/status.ts'
import { classTexts } from '../wire/class-text.ts'
import { batchWorkflows } from './batches.ts'
import { type Finding, tellFinding } from './finding.ts'
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

/** Closed gates, each with how many steps wait behind it. */
export async function readGateList(app: App) {
  const behind = await countBehindGates(app.db)
  return (await app.gates.list()).map((gate) => ({
    ...gate,
    waiting: behind.find((one) => one.keyId === gate.keyId && one.name === gate.name)?.steps ?? 0,
  }))
}

/** What each portal spent today and this month, beside its caps. */
async function readSpending(app: App, portals: readonly Portal[]) {
  const { currency } = app.config.prices
  const spent = await readSpent(
    app.db,
    portals.map(({ id, settings }) => ({ id, timeZone: settings.timeZone ?? 'UTC' })),
  )
  const show = (of: Spent, capMinutes: number | undefined, capCost: number | undefined) => ({
    period: of.period,
    minutes: of.usedMs / 60_000,
    minutesSetAside: of.reservedMs / 60_000,
    capMinutes: capMinutes ?? null,
    cost: of.usedMicros / 1_000_000,
    costSetAside: of.reservedMicros / 1_000_000,
    capCost: capCost ?? null,
  })
  return portals.flatMap(({ id, settings }) => {
    const mine = spent.get(id)
    if (mine === undefined) return []
    const day = show(mine.day, settings.capDailyMinutes, settings.capDailyCost)
    return [
      { portalId: id, currency, day, month: show(mine.month, settings.capMonthlyMinutes, settings.capMonthlyCost) },
    ]
  })
}

/**
 * Is everything alright? One look, and a sentence for each thing that is not. The record is asked one thing after the other: ten at once
 * would take nearly all connections from the webhooks.
 */
export async function readStatus(app: App) {
  const asked = queueAnswers(app)
  const workers = await listWorkers(app.db, app.config.timings.workerTtlMs)
  const runs = await countRuns(app.db)
  const causes = await readCauses(app)
  const gates = await readGateList(app)
  const portals = await listPortals(app.db)
  const oldest = await findOldestRunning(app.db)
  const entriesToday = await countWrittenToday(app.db)
  const standing = await listAlerts(app.db, { standing: true, limit: 50 })
  const open = await listOpenBatches(app.db, batchWorkflows(app))
  const spent = await readSpending(app, portals)
  const answers = await asked
  const alive = workers.filter((worker) => worker.alive).length
  const observed = app.config.write
    ? portals.filter((portal) => !portal.writeEnabled).map((portal) => portal.id)
    : portals.map((portal) => portal.id)
  const batches = open.map(({ input: _, ...batch }) => ({
    ...batch,
    workflow: app.registry.workflow(batch.workflow).startedAs ?? batch.workflow,
  }))
  const findings: Finding[] = [
    ...(alive === 0 ? [{ kind: 'no_worker' } as const] : []),
    ...(answers ? [] : [{ kind: 'queue_away' } as const]),
    ...(portals.length === 0 ? [{ kind: 'no_portal' } as const] : []),
    ...gates
      .filter((gate) => gate.opensInMs === null || (gate.class === 'cap_reached' && gate.waiting > 0))
      .map(({ message, hint, waiting, opensInMs }) => {
        return { kind: opensInMs === null ? 'gate_closed' : 'cap_reached', message, hint, waiting } as const
      }),
    ...(runs.parked > 0 ? [{ kind: 'parked', calls: runs.parked } as const] : []),
    ...batches
      .filter((batch) => batch.state === 'parked')
      .map(({ id, workflow, class: why }) => ({ kind: 'batch_parked', id, workflow, class: why }) as const),
  ]
  const alarms = findings.map(tellFinding)
  return {
    ok: alarms.length === 0,
    alarms,
    /** The same by kind, for whoever says it in words of their own. */
    findings,
    version: app.version,
    mode: app.config.mode,
    sandbox: app.config.mode !== 'live',
    record: app.connection.kind,
    queue: { kind: app.queues.kind, answers },
    write: app.config.write,
    observed,
    workers,
    runs,
    batches,
    causes,
    gates,
    portals: portals.map(showPortal),
    spent,
    alerts: standing,
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
