import type { Config } from '../../src/config.ts'
import { type AlertMessage, decideAlerts, finishAlertMessage, takeAlertMessages } from '../../src/db/alerts.ts'
import type { Database } from '../../src/db/connect.ts'
import { listPortals, type Portal } from '../../src/db/portals.ts'
import { pruneSpend } from '../../src/db/spend.ts'
import type { Log } from '../../src/log.ts'
import type { Vibecode } from '../../src/vibecode/client.ts'
import { findCauses } from './causes.ts'
import { channelsOf, type Sent, send, type Told } from './channels.ts'

export interface Alerts {
  /** Decides what is to be told, and tells what is due. Safe in any number of processes. */
  round(): Promise<{ opened: number; recovered: number; told: number }>
  /** Sends a test on each channel (of one portal's bot, where named) and says what came back. */
  test(portalId?: string): Promise<(Sent & { channel: string })[]>
}

export interface AlertDeps {
  readonly db: Database
  readonly config: Config
  readonly log: Log
  clientFor(portal: Portal): Vibecode
}

/** Longer than any sending takes. */
const leaseMs = 120_000
const maxBatches = 20

/** One message for a cause and one for its end; both are rows, so they survive restarts and are tried until they arrive. */
export function createAlerts(deps: AlertDeps): Alerts {
  const { db, config, log } = deps
  const { timings } = config

  const tell = async (portals: readonly Portal[], message: AlertMessage): Promise<boolean> => {
    const told: Told = {
      id: `${message.alertId}-${message.phase}`,
      phase: message.phase,
      kind: message.kind,
      cause: message.cause,
      portalIds: message.portalIds,
      sentence: message.sentence,
      mend: message.mend,
      openedAt: message.openedAt,
      recoveredAt: message.recoveredAt,
    }
    const sent = await send({ ...deps, portals }, message.channel, told)
    const retryMs = timings.alertRetryMs[Math.min(message.tries, timings.alertRetryMs.length) - 1] ?? 60_000
    await finishAlertMessage(db, message, sent.answer, sent.arrived ? null : retryMs)
    const facts = { alert: told.id, cause: told.cause, channel: message.channel, tries: message.tries }
    if (sent.arrived) log.info(facts, 'an alert was told')
    else log.warn({ ...facts, answer: sent.answer }, 'an alert could not be told; it is tried again')
    return sent.arrived
  }

  return {
    round: async () => {
      const portals = await listPortals(db)
      const decided = await decideAlerts(db, timings.alertQuietMs, async (trx) => ({
        causes: await findCauses(trx, portals, config),
        channelsOf: (portalIds) => channelsOf(config, portals, portalIds),
      }))
      if (decided !== null) await pruneSpend(db)
      const channels = channelsOf(config, portals, [])
      let told = 0
      // The rest is the next round's: a channel that is down must not keep this one going.
      for (let batch = 0; batch < maxBatches && channels.length > 0; batch += 1) {
        const messages = await takeAlertMessages(db, channels, leaseMs)
        if (messages.length === 0) break
        const arrived = await Promise.all(messages.map((message) => tell(portals, message)))
        told += arrived.filter(Boolean).length
      }
      return { opened: 0, recovered: 0, ...decided, told }
    },

    test: async (portalId) => {
      const portals = (await listPortals(db)).filter((portal) => portalId === undefined || portal.id === portalId)
      const at = new Date()
      const told: Told = {
        id: `test-${at.getTime()}`,
        phase: 'test',
        kind: 'test',
        cause: 'test',
        portalIds: [],
        sentence: 'This is a test: alerts of this service arrive here.',
        mend: 'Nothing to do.',
        openedAt: at,
        recoveredAt: null,
      }
      const channels = channelsOf(config, portals, [])
      return await Promise.all(
        channels.map(async (channel) => ({ channel, ...(await send({ ...deps, portals }, channel, told)) })),
      )
    },
  }
}
