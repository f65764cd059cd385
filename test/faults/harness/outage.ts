import type { Bed } from './bed.ts'
import { type Load, type Rung, ring } from './load.ts'
import { untilNextEntry } from './recovery.ts'
import { pause } from './until.ts'

export interface Outage {
  readonly load: Load
  readonly recoveryMs: number | null
  /** Calls whose event was answered while the fault was on. */
  readonly during: readonly Rung[]
}

/** One fault in the middle of a load that never pauses: begins after 3 s, lasts, heals, and some of the load comes after it. */
export async function outage(
  bed: Bed,
  options: {
    perSecond?: number
    lastMs: number
    /** The load goes on for so long after the heal. */
    afterMs?: number
    begin: () => unknown
    end: () => unknown
    spec?: Record<string, unknown>
  },
): Promise<Outage> {
  const { perSecond = 8, lastMs, afterMs = 5_000 } = options
  const beforeMs = 3_000
  const count = Math.ceil(((beforeMs + lastMs + afterMs) / 1_000) * perSecond)
  const load = await ring(bed, { count, perSecond, ...(options.spec === undefined ? {} : { spec: options.spec }) })
  await pause(beforeMs)
  const begunAt = Date.now()
  await options.begin()
  await pause(lastMs)
  await options.end()
  const healedAt = Date.now()
  const recoveryMs = await untilNextEntry(bed, healedAt)
  await load.done
  const during = load.calls.filter(
    (call) => call.at >= begunAt && call.at - call.ms <= healedAt && call.at - call.ms >= begunAt,
  )
  return { load, recoveryMs, during }
}

export function slowestMs(calls: readonly Rung[], share = 0.99): number {
  const sorted = calls.map((call) => call.ms).sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}
