import type { Config } from '../src/config.ts'
import type { Database } from '../src/db/connect.ts'
import { findPortal, type Portal } from '../src/db/portals.ts'
import {
  type Caps,
  capGateName,
  capGateNames,
  listForsaken,
  type Refusal,
  readCaps,
  readSpent,
  readStepPriority,
  releaseSpend,
  reserveSpend,
  type SpendItem,
  settleSpend,
} from '../src/db/spend.ts'
import type { Gates } from '../src/engine/gates.ts'
import { inputHash } from '../src/engine/input-hash.ts'
import { Blocked, isStepFailure, Later } from '../src/errors.ts'
import type { Log } from '../src/log.ts'
import { failureOf } from '../src/vibecode/failure-error.ts'

/** What a step is about to pay for. */
export interface Payment {
  /** Of what it is made; with the step it names the payment, so that a repetition is not counted twice. */
  readonly of: unknown
  /** Speech to be transcribed. */
  readonly seconds?: number
  /** Tokens of a chat, at most. */
  readonly tokens?: number
}

/** Runs `pay` if the portal's caps have room for it. `tokensOf` tells what a chat really took. Throws `Blocked` where a cap is reached. */
export type Spend = <Value>(
  payment: Payment,
  pay: () => Promise<Value>,
  tokensOf?: (value: Value) => number,
) => Promise<Value>

/** A backfill leaves the rest of each cap to the calls of the day. */
const backfillShare = 0.8
const backfillPriority = 10

export function chatMicros(tokens: number, prices: Config['prices']): number {
  return Math.ceil((tokens * prices.chat1kTokensMicros) / 1_000)
}

export function speechMicros(ms: number, prices: Config['prices']): number {
  return Math.ceil((ms * prices.speechMinuteMicros) / 60_000)
}

/**
 * Caps stop before, not after: what a step will pay is set aside first, settled to the real amount afterwards, and freed when
 * nothing was paid. A capped step waits behind a gate of the portal's own, so that it keeps its place and goes on at once when the cap
 * is raised, or when the day or month turns.
 */
export function createSpend(deps: {
  db: Database
  gates: Gates
  config: Config
  portal: Portal
  stepId: string
  stepName: string
  log: Log
  kick: () => void
}): Spend {
  const { db, gates, portal, log } = deps
  const { prices } = deps.config
  const timeZone = portal.settings.timeZone ?? 'UTC'
  const caps = readCaps(portal.settings)

  const wake = async (gate: string) => {
    if (await gates.open(portal.keyId, gate)) deps.kick()
  }

  const setAside = async (item: SpendItem, standing: Caps, backfill: boolean) => {
    const share = backfill ? backfillShare : 1
    const refusal = await reserveSpend(db, item, standing, share)
    if (refusal === null) return
    const gate = capGateName(portal.id, backfill)
    const told = tell(refusal, item, portal, prices.currency, timeZone, backfill)
    await gates.close(portal.keyId, gate, { forMs: refusal.opensInMs, class: 'cap_reached', ...told })
    // Raised, or room freed, between our look and the closing: whoever did it may have found nothing to open.
    const now = await findPortal(db, portal.id)
    const capsNow = now === null ? null : readCaps(now.settings)
    if (capsNow === null || (await fits(db, item, capsNow, share))) await gates.open(portal.keyId, gate)
    throw new Blocked(gate, 'cap_reached', told)
  }

  const settle = async (item: SpendItem, reserved: boolean, freed: boolean) => {
    try {
      await settleSpend(db, item)
      if (reserved && freed) await wakeAll()
    } catch (error) {
      // What was paid for must not be lost over its counting: it stays counted as it was set aside.
      log.warn({ key: item.key, error: String(error) }, 'a payment could not be settled')
    }
  }
  const wakeAll = async () => {
    for (const gate of capGateNames(portal.id)) await wake(gate)
  }

  return async (payment, pay, tokensOf) => {
    const { seconds = 0, tokens = 0 } = payment
    const speechMs = Math.ceil(seconds * 1_000)
    const item: SpendItem = {
      key: `${deps.stepId} ${inputHash(deps.stepName, payment.of)}`,
      portalId: portal.id,
      kind: speechMs > 0 ? 'speech' : 'chat',
      speechMs,
      micros: speechMicros(speechMs, prices) + chatMicros(tokens, prices),
      timeZone,
    }
    // A free chat has nothing that could be counted.
    if (item.speechMs === 0 && item.micros === 0) return await pay()
    if (caps !== null) {
      const backfill = (await readStepPriority(db, deps.stepId)) >= backfillPriority
      await setAside(item, caps, backfill)
    }
    try {
      const value = await pay()
      const micros =
        tokensOf === undefined ? item.micros : speechMicros(speechMs, prices) + chatMicros(tokensOf(value), prices)
      await settle({ ...item, micros }, caps !== null, micros < item.micros)
      return value
    } catch (error) {
      if (caps !== null && nothingWasPaid(error)) {
        await releaseSpend(db, item.key)
        await wakeAll()
      }
      throw error
    }
  }
}

/** Gives back what is set aside for cancelled steps, and wakes what waits for that room. Returns how many. */
export async function releaseForsaken(deps: { db: Database; gates: Gates; kick: () => void }): Promise<number> {
  const forsaken = await listForsaken(deps.db)
  for (const { key } of forsaken) await releaseSpend(deps.db, key)
  for (const portalId of new Set(forsaken.map((one) => one.portalId))) {
    const portal = await findPortal(deps.db, portalId)
    for (const gate of portal === null ? [] : capGateNames(portalId)) {
      if (portal !== null && (await deps.gates.open(portal.keyId, gate))) deps.kick()
    }
  }
  return forsaken.length
}

/** Refused plainly, or never sent. After a time-out or a gateway's error the upstream may have done, and billed, the work. */
export function nothingWasPaid(error: unknown): boolean {
  if (!isStepFailure(error)) return false
  const failure = failureOf(error)
  if (failure === undefined) return error instanceof Blocked || error instanceof Later
  return !failure.doubt
}

async function fits(db: Database, item: SpendItem, caps: Caps, share: number): Promise<boolean> {
  const spent = (await readSpent(db, [{ id: item.portalId, timeZone: item.timeZone }])).get(item.portalId)
  if (spent === undefined) return true
  const { day, month } = spent
  const within = (taken: number, wanted: number, cap: number | null) =>
    cap === null || wanted === 0 || taken + wanted <= Math.floor(cap * share)
  return (
    within(day.usedMs + day.reservedMs, item.speechMs, caps.dayMs) &&
    within(month.usedMs + month.reservedMs, item.speechMs, caps.monthMs) &&
    within(day.usedMicros + day.reservedMicros, item.micros, caps.dayMicros) &&
    within(month.usedMicros + month.reservedMicros, item.micros, caps.monthMicros)
  )
}

function tell(
  refusal: Refusal,
  item: SpendItem,
  portal: Portal,
  currency: string,
  timeZone: string,
  backfill: boolean,
): { message: string; hint: string } {
  const amount = (value: number) =>
    refusal.what === 'speech' ? `${round(value / 60_000)} min` : `${round(value / 1_000_000)} ${currency}`
  const setting = `cap${refusal.period === 'day' ? 'Daily' : 'Monthly'}${refusal.what === 'speech' ? 'Minutes' : 'Cost'}`
  const name = `${refusal.period === 'day' ? 'daily' : 'monthly'} cap of ${amount(refusal.cap)}`
  const wanted = refusal.what === 'speech' ? item.speechMs : item.micros
  const reached = backfill
    ? `The backfill of portal ${portal.id} has used its share (${backfillShare * 100} %) of the ${name}`
    : `The ${name} of portal ${portal.id} is reached`
  return {
    message: `${reached}: ${amount(refusal.taken)} used or set aside, ${amount(wanted)} more do not fit. It goes on at ${refusal.opensAt} (${timeZone})`,
    hint: `To go on at once, raise it: callsift portal set ${portal.id} ${setting}=NUMBER`,
  }
}

function round(value: number): string {
  return String(Math.round(value * 100) / 100)
}
