import type { Config } from '../src/config.ts'
import { unknownIdentities } from '../src/db/call-facts.ts'
import type { Database } from '../src/db/connect.ts'
import { finishReconcile, listPortals, type Portal, takeReconcile } from '../src/db/portals.ts'
import { isStepFailure } from '../src/errors.ts'
import type { Acceptance } from '../src/intake/accept-calls.ts'
import { type IncomingCall, identitiesOf } from '../src/intake/incoming-call.ts'
import type { Log } from '../src/log.ts'
import type { Vibecode } from '../src/vibecode/client.ts'
import type { CallRecord } from '../src/wire/telephony.ts'
import { readListedCall } from './listed-call.ts'

export interface ReconcileReport {
  readonly portals: number
  /** Calls that the portals listed. */
  readonly listed: number
  /** Of those, calls that no event had told of: proof of a lost event, unless the portal is polled only. */
  readonly found: number
}

interface ReconcileDeps {
  readonly db: Database
  readonly config: Config
  readonly log: Log
  clientFor(portal: Portal): Vibecode
  accept(call: IncomingCall): Promise<Acceptance>
}

/**
 * Bitrix24 never sends an event again, so the calls of the last day are listed and those without a row are taken in.
 * Never goes back behind the moment the portal was added: what lies before is `backfill`'s, and priced.
 */
export async function reconcilePortals(
  deps: ReconcileDeps,
  options: { force?: boolean; portalId?: string },
): Promise<ReconcileReport> {
  const { timings } = deps.config
  let [portals, listed, found] = [0, 0, 0]
  for (const portal of await listPortals(deps.db)) {
    if (options.portalId !== undefined && portal.id !== options.portalId) continue
    const everyMs = options.force === true ? -1_000 : timings.reconcileMs
    if (!(await takeReconcile(deps.db, portal.id, { everyMs, leaseMs: timings.reconcileMs }))) continue
    let foundHere: number | null = null
    try {
      const report = await reconcilePortal(deps, portal)
      foundHere = report.found
      portals += 1
      listed += report.listed
      found += report.found
      if (report.found > 0 && portal.tokenHashes.length > 0) {
        deps.log.warn(
          { portal: portal.id, ...report },
          'reconcile found calls that no event had told of; they were taken in',
        )
      }
    } catch (error) {
      // A closed gate or a busy portal: the next round comes by itself, and the gate has said why.
      if (!isStepFailure(error)) throw error
      deps.log.info(
        { portal: portal.id, class: error.class, reason: error.message },
        'reconcile could not ask the portal',
      )
    } finally {
      await finishReconcile(deps.db, portal.id, foundHere)
    }
  }
  return { portals, listed, found }
}

const longestCallMs = 4 * 3_600_000

/** When the call ended by the portal's clock, ms; a row without a time counts as new. */
function endOf(row: CallRecord): number {
  if (row.startedAt === null) return Number.POSITIVE_INFINITY
  return Date.parse(row.startedAt) + (row.durationSeconds ?? 0) * 1_000
}

async function reconcilePortal(deps: ReconcileDeps, portal: Portal): Promise<{ listed: number; found: number }> {
  const addedAt = portal.addedAt.getTime()
  // The portal lists calls by their beginning. One that was under way when the portal was added has ended since, and is ours.
  const since = new Date(Math.max(addedAt - longestCallMs, Date.now() - deps.config.timings.reconcileWindowMs))
  const client = deps.clientFor(portal)
  let listed = 0
  let found = 0
  let afterId: number | undefined
  for (;;) {
    const page = await client.telephony.listCalls(afterId === undefined ? { since } : { since, afterId })
    const ended = page.calls.filter((row) => endOf(row) >= addedAt)
    listed += ended.length
    const wanted = ended
      .map((row) => readListedCall(row, portal, deps.config, 'reconcile'))
      .flatMap((read) => ('call' in read ? [read.call] : []))
    const unknown = await unknownIdentities(deps.db, wanted.flatMap(identitiesOf))
    const lost = wanted.filter((call) => identitiesOf(call).every((identity) => unknown.has(identity)))
    found += (await Promise.all(lost.map(deps.accept))).filter((answer) => answer.outcome === 'accepted').length
    const last = page.calls.at(-1)
    if (!page.hasMore || last === undefined) return { listed, found }
    afterId = last.id
  }
}
