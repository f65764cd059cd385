import { Later, Retry } from '../../../src/errors.ts'

/** The upstream: applies or not, says so or not; what it has applied is the truth. */
export interface FarSide {
  readonly entries: Map<string, number>
  readonly bought: Map<string, number>
  /** Applies what is to come late; `nowMs` on the simulation's clock. */
  settle(nowMs: number): void
  /** Writes an entry; may throw what the client throws, with or without doubt. */
  write(marker: string, nowMs: number): string
  buy(name: string): string
  find(marker: string): string | null
  calm(): void
}

/** An answer that was lost: it may have been applied. As the client throws it. */
class Doubt extends Retry {
  readonly failure = { doubt: true }
}

/** Bitrix24 ends a request after 60 s: what it applies late, it applies before that. */
const latestMs = 60_000

export function createFarSide(random: () => number): FarSide {
  const entries = new Map<string, number>()
  const bought = new Map<string, number>()
  let late: { marker: string; at: number }[] = []
  let calm = false
  const apply = (marker: string) => entries.set(marker, (entries.get(marker) ?? 0) + 1)
  const lost = () => new Doubt('network', { message: 'the answer was lost' })
  return {
    entries,
    bought,
    settle: (nowMs) => {
      for (const one of late) if (one.at <= nowMs) apply(one.marker)
      late = late.filter((one) => one.at > nowMs)
    },
    write: (marker, nowMs) => {
      const dice = calm ? 1 : random()
      if (dice < 0.15) {
        apply(marker)
        throw lost()
      }
      if (dice < 0.25) throw lost()
      if (dice < 0.35) {
        late.push({ marker, at: nowMs + random() * latestMs })
        throw lost()
      }
      if (dice < 0.45) throw new Later(2_000, 'rate_limited', { message: 'refused before anything was done' })
      apply(marker)
      return `entry of ${marker}`
    },
    buy: (name) => {
      if (!calm && random() < 0.1) throw new Retry('network', { message: 'refused' })
      bought.set(name, (bought.get(name) ?? 0) + 1)
      return `heard ${name}`
    },
    find: (marker) => (entries.has(marker) ? `entry of ${marker}` : null),
    calm: () => {
      calm = true
    },
  }
}
