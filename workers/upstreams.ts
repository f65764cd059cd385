import type { Config } from '../src/config.ts'
import type { Database } from '../src/db/connect.ts'
import type { Portal } from '../src/db/portals.ts'
import type { Claim } from '../src/engine/claim.ts'
import type { Gates } from '../src/engine/gates.ts'
import type { Slots } from '../src/engine/slots.ts'
import type { Log } from '../src/log.ts'
import { keyIdOf, type Sealer } from '../src/seal.ts'
import { createVibecode, type Vibecode } from '../src/vibecode/client.ts'
import { type Connections, createConnections } from '../src/vibecode/connections.ts'
import type { ClientDurations } from '../src/vibecode/durations.ts'
import { defaultDurations } from '../src/vibecode/durations.ts'
import type { RequestGuard } from '../src/vibecode/guard.ts'
import { createUpstreamTraits, type UpstreamTraits } from '../src/vibecode/traits.ts'
import { createGuard, type GuardDeps, type StepGuard } from './guard.ts'

export interface Upstreams {
  /** A client and the guard it stands behind, for one attempt, or (claim null) for work outside any step. */
  bind(
    portal: Portal,
    options: { claim: Claim | null; workerId: string; signal?: AbortSignal; noteRequest?: (id: string) => void },
  ): {
    vibecode: Vibecode
    guard: StepGuard
  }
  /** A client that asks although gates are closed: for the probe of a closed gate, and nothing else. */
  prober(portal: Portal): Vibecode
  close(): Promise<void>
}

const ungated: RequestGuard = { enter: async () => ({ assertFresh: () => undefined, leave: async () => undefined }) }

/** Clients by portal. Sockets and what was learned of an upstream's ways are shared by all clients of one base URL. */
export function createUpstreams(deps: {
  config: Config
  db: Database
  looseDb: Database
  gates: Gates
  slots: Slots
  sealer: Sealer
  log: Log
  random: () => number
  onClosed: (forMs: number) => void
  onRequest: GuardDeps['onRequest']
}): Upstreams {
  const { config } = deps
  const { timings } = config
  const durations: ClientDurations = {
    ...defaultDurations,
    requestMs: timings.requestDeadlineMs,
    writeMs: timings.writeDeadlineMs,
    chatMs: timings.chatDeadlineMs,
    transcribeMs: timings.transcribeDeadlineMs,
    downloadMs: timings.downloadDeadlineMs,
  }
  const shared = new Map<string, { connections: Connections; traits: UpstreamTraits }>()
  const clients = new Map<string, Vibecode>()

  const apiKeyOf = (portal: Portal): string => {
    const given = config.secrets.apiKey
    return given !== undefined && keyIdOf(given) === portal.keyId
      ? given
      : deps.sealer.unseal(portal.sealedKey, portal.id)
  }
  const clientOf = (portal: Portal): Vibecode => {
    const name = `${portal.id} ${portal.keyId} ${portal.baseUrl}`
    const known = clients.get(name)
    if (known !== undefined) return known
    const parts = shared.get(portal.baseUrl) ?? {
      connections: createConnections({ baseUrl: portal.baseUrl, durations }),
      traits: createUpstreamTraits(),
    }
    shared.set(portal.baseUrl, parts)
    const client = createVibecode({
      apiKey: apiKeyOf(portal),
      baseUrl: portal.baseUrl,
      guard: ungated,
      log: deps.log,
      durations,
      ...parts,
    })
    clients.set(name, client)
    return client
  }
  return {
    bind: (portal, { claim, workerId, signal, noteRequest }) => {
      const guard = createGuard({
        db: deps.db,
        looseDb: deps.looseDb,
        gates: deps.gates,
        slots: deps.slots,
        timings,
        keyId: portal.keyId,
        portalId: portal.id,
        claim,
        workerId,
        random: deps.random,
        onClosed: deps.onClosed,
        onRequest: deps.onRequest,
        noteRequest: noteRequest ?? (() => undefined),
      })
      return { vibecode: clientOf(portal).with(signal === undefined ? { guard } : { guard, signal }), guard }
    },
    prober: (portal) => clientOf(portal).with({ guard: ungated }),
    close: async () => {
      await Promise.all([...shared.values()].map((parts) => parts.connections.close()))
    },
  }
}
