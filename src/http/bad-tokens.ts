/** Counts wrong tokens by address: from so many within a minute an address is answered 429 until the minute is over. */
export interface BadTokens {
  note(address: string): void
  forget(address: string): void
  /** Seconds to wait, or 0. */
  waitSeconds(address: string): number
  /**
   * A right token came from here. All portals of Bitrix24 send from the same few addresses: somebody else's wrong tokens must
   * not shut out the right ones, so such an address is refused only after its token was looked at.
   */
  trust(address: string): void
  isTrusted(address: string): boolean
}

const windowMs = 60_000
const trustMs = 24 * 3_600_000
const maxAddresses = 10_000

export function createBadTokens(now: () => number, allowed = 30): BadTokens {
  const counts = new Map<string, { since: number; n: number }>()
  const trusted = new Map<string, number>()
  const put = <Value>(map: Map<string, Value>, address: string, value: Value) => {
    map.delete(address)
    map.set(address, value)
    // Oldest out: memory stays bounded under a flood from many addresses.
    if (map.size > maxAddresses) map.delete(map.keys().next().value ?? '')
  }
  return {
    note: (address) => {
      const count = counts.get(address)
      const fresh = count === undefined || now() - count.since >= windowMs
      put(counts, address, fresh ? { since: now(), n: 1 } : { since: count.since, n: count.n + 1 })
    },
    forget: (address) => void counts.delete(address),
    waitSeconds: (address) => {
      const count = counts.get(address)
      if (count === undefined || count.n < allowed) return 0
      return Math.max(0, Math.ceil((count.since + windowMs - now()) / 1000))
    },
    trust: (address) => {
      if (now() - (trusted.get(address) ?? Number.NEGATIVE_INFINITY) > windowMs) put(trusted, address, now())
    },
    isTrusted: (address) => now() - (trusted.get(address) ?? Number.NEGATIVE_INFINITY) < trustMs,
  }
}
