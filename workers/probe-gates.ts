import type { Database } from '../src/db/connect.ts'
import { listPortals, type Portal } from '../src/db/portals.ts'
import type { ClosedGate, Gates } from '../src/engine/gates.ts'
import { isStepFailure } from '../src/errors.ts'
import type { Log } from '../src/log.ts'
import type { Upstreams } from './upstreams.ts'

const scopesOf: Readonly<Record<string, readonly string[]>> = {
  ai: ['vibe:ai'],
  crm: ['crm'],
  // The documents call the telephony scope by two names.
  portal: ['telephony', 'call'],
  bot: ['imbot'],
  im: ['im'],
}

/**
 * Looks whether what closed a gate has been mended: a wrong key or a missing scope by a free call, an empty balance by letting one
 * real request through. What opened goes on by itself.
 */
export async function probeGates(deps: {
  db: Database
  gates: Gates
  upstreams: Upstreams
  everyMs: number
  log: Log
  kick: () => void
}): Promise<number> {
  let opened = 0
  const due = await deps.gates.dueProbes(deps.everyMs)
  if (due.length === 0) return 0
  const portals = await listPortals(deps.db)
  for (const gate of due) {
    const portal = portals.find((one) => one.keyId === gate.keyId)
    if (portal === undefined) {
      // The portal got another key: nobody stands behind this gate any more.
      await deps.gates.open(gate.keyId, gate.name)
      continue
    }
    const mended = await isMended(gate, portal, deps.upstreams)
    if (mended === 'unknown') await deps.gates.allowTrial(gate.keyId, gate.name)
    if (mended === true && (await deps.gates.open(gate.keyId, gate.name))) {
      opened += 1
      deps.log.info({ gate: gate.name, portal: portal.id, class: gate.class }, 'mended: the gate is open again')
    }
    if (mended !== false) deps.kick()
  }
  return opened
}

async function isMended(gate: ClosedGate, portal: Portal, upstreams: Upstreams): Promise<boolean | 'unknown'> {
  // A balance cannot be asked for: only a real request tells.
  if (gate.name.includes(':') || /balance|billing|frozen|plan|trial|credentials/.test(gate.class)) return 'unknown'
  const client = upstreams.prober(portal)
  try {
    if (gate.name === 'ai') {
      await client.models()
      return true
    }
    const me = await client.me({ refresh: true })
    const wanted = scopesOf[gate.name] ?? []
    if (me.scopes.length === 0) return 'unknown'
    return wanted.length === 0 || wanted.some((scope) => me.scopes.includes(scope))
  } catch (error) {
    if (isStepFailure(error)) return false
    throw error
  }
}
