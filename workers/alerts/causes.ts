import type { Config } from '../../src/config.ts'
import { type AlertCause, readClosedForAlerts, readOldestDueMs } from '../../src/db/alerts.ts'
import { readClockMs } from '../../src/db/clock.ts'
import type { Queryable } from '../../src/db/connect.ts'
import type { Portal } from '../../src/db/portals.ts'
import { capGateName } from '../../src/db/spend.ts'
import { listWorkers } from '../../src/db/status.ts'
import { readWorkingHours, workingMsBetween } from '../../src/working-hours.ts'

const minuteMs = 60_000
const hourMs = 3_600_000

/** Everything that a person should know of now, each under a name of its own. */
export async function findCauses(
  db: Queryable,
  portals: readonly Portal[],
  config: Pick<Config, 'alerts' | 'timings'>,
): Promise<AlertCause[]> {
  const nowMs = await readClockMs(db)
  return [
    ...(await closedGates(db)),
    ...(await standingWork(db, config)),
    ...portals.flatMap((portal) => silence(portal, config.alerts.noEventHours, nowMs)),
    ...portals.flatMap(lostEvents),
  ]
}

async function closedGates(db: Queryable): Promise<AlertCause[]> {
  const closed = await readClosedForAlerts(db)
  const caps = closed.flatMap((gate): AlertCause[] => {
    if (gate.class !== 'cap_reached') return []
    const portalId = gate.portalIds.find((id) => capGateName(id) === gate.name)
    // A backfill that has used its share waits as it should: nobody need be woken.
    if (portalId === undefined) return []
    const sentence = `${gate.message}.`
    return [{ cause: `cap ${portalId}`, kind: 'cap_reached', portalIds: [portalId], sentence, mend: gate.hint ?? '' }]
  })
  return [...caps, ...mattersOfKeys(closed.filter((gate) => gate.class !== 'cap_reached'))]
}

/** A revoked key closes the gate of each family that meets it: that is one matter for a person, and one message. */
function mattersOfKeys(closed: Awaited<ReturnType<typeof readClosedForAlerts>>): AlertCause[] {
  const matters = new Map<string, typeof closed>()
  for (const gate of closed) {
    const name = `gate ${gate.keyId} ${gate.class}`
    matters.set(name, [...(matters.get(name) ?? []), gate])
  }
  return [...matters].flatMap(([cause, gates]): AlertCause[] => {
    const [first] = gates
    if (first === undefined) return []
    const names = gates.map((gate) => gate.name).join(', ')
    return [
      {
        cause,
        kind: 'gate_closed',
        portalIds: first.portalIds,
        sentence: `Requests of ${first.portalIds.join(', ') || 'no portal'} are held back (${names}): ${first.message}.`,
        mend: first.hint ?? 'Mend the cause, then run: callsift gate open',
      },
    ]
  })
}

async function standingWork(db: Queryable, { alerts, timings }: Pick<Config, 'alerts' | 'timings'>) {
  const oldest = await readOldestDueMs(db)
  if (oldest === null) return []
  const minutes = Math.floor(oldest.ageMs / minuteMs)
  const alive = (await listWorkers(db, timings.workerTtlMs)).some((worker) => worker.alive)
  // Of the two, the one that says why.
  if (!alive) {
    if (oldest.ageMs < timings.alertNoWorkerMs) return []
    const cause: AlertCause = {
      cause: 'no worker',
      kind: 'no_worker',
      portalIds: [],
      sentence: `No worker is alive, and ${oldest.steps} steps wait, the oldest for ${minutes} min. Calls are taken in, but nothing works on them.`,
      mend: 'Start `callsift serve`, or beside `serve --http-only` at least one `callsift work`; then look at its log.',
    }
    return [cause]
  }
  if (alerts.backlogMinutes === 0 || oldest.ageMs < alerts.backlogMinutes * minuteMs) return []
  const cause: AlertCause = {
    cause: 'backlog',
    kind: 'backlog',
    portalIds: [],
    sentence: `The oldest of ${oldest.steps} steps that are due has waited ${minutes} min (more than ${alerts.backlogMinutes}).`,
    mend: 'See what is slow: callsift status. More workers: callsift work, or a higher CALLSIFT_CONCURRENCY.',
  }
  return [cause]
}

function silence(portal: Portal, defaultHours: number, nowMs: number): AlertCause[] {
  const { settings, tokenHashes, lastEventAt, addedAt } = portal
  const hours = settings.alertNoEventHours ?? defaultHours
  // A portal without a token is polled: it never sends events.
  if (hours === 0 || tokenHashes.length === 0) return []
  const since = Math.max(lastEventAt?.getTime() ?? 0, addedAt.getTime())
  const working = settings.workingHours === undefined ? null : readWorkingHours(settings.workingHours)
  const enoughMs = hours * hourMs
  if (workingMsBetween(since, nowMs, working, settings.timeZone ?? 'UTC', enoughMs) < enoughMs) return []
  const last = lastEventAt === null ? 'since it was added' : `since ${lastEventAt.toISOString().slice(0, 16)}Z`
  return [
    {
      cause: `silence ${portal.id}`,
      kind: 'no_events',
      portalIds: [portal.id],
      sentence: `Portal ${portal.id} has sent no event ${last}: more than ${hours} ${working === null ? 'hours' : 'working hours'}.`,
      mend: `Check the outgoing webhook in Bitrix24, then run: callsift doctor --send-test-event. If silence is usual there: callsift portal set ${portal.id} alertNoEventHours=NUMBER`,
    },
  ]
}

function lostEvents(portal: Portal): AlertCause[] {
  if (portal.reconcileFound === 0 || portal.tokenHashes.length === 0) return []
  return [
    {
      cause: `reconcile ${portal.id}`,
      kind: 'reconcile_found',
      portalIds: [portal.id],
      sentence: `Reconcile found ${portal.reconcileFound} calls of portal ${portal.id} that no event had told of; they were taken in.`,
      mend: 'Events get lost on the way: check the outgoing webhook (address, token), that this service is reachable, and: callsift deliveries --outcome refused',
    },
  ]
}
