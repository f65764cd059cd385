/** Values above this are points in time, not waits (a wait of 31 years is nobody's). */
const epochFromSeconds = 1e9
const epochFromMilliseconds = 1e11
/** A clock that is wrong on either side must not stop a key for longer. */
const maxEpochWaitMs = 900_000

export type HeaderBag = Record<string, string | string[] | undefined>

/** All values of a header, its name in any case. */
export function headerValues(headers: HeaderBag, name: string): string[] {
  const values: string[] = []
  for (const [key, value] of Object.entries(headers)) {
    if (key.toLowerCase() !== name || value === undefined) continue
    values.push(...(Array.isArray(value) ? value : [value]))
  }
  return values
}

/**
 * Reads one wait: seconds as a delta, seconds or milliseconds since 1970 when above 1e9, or an HTTP date.
 * Points in time are clamped to 900 s. Undefined for anything else (`""`, `-1`, `NaN`, `soon`, `1e9999`).
 */
export function readWaitMs(value: unknown, nowMs: number): number | undefined {
  if (typeof value === 'string') {
    const text = value.trim()
    if (/^\d{1,15}(\.\d{1,9})?$/.test(text)) return readWaitMs(Number(text), nowMs)
    if (!/^[A-Za-z]{3,9}, ?\d{1,2}[ -]/.test(text)) return undefined
    const at = Date.parse(text)
    return Number.isNaN(at) ? undefined : untilMs(at, nowMs)
  }
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) return undefined
  if (value > epochFromMilliseconds) return untilMs(value, nowMs)
  if (value > epochFromSeconds) return untilMs(value * 1000, nowMs)
  return value * 1000
}

function untilMs(at: number, nowMs: number): number {
  return Math.min(Math.max(at - nowMs, 0), maxEpochWaitMs)
}

/** The longest wait named by `X-RateLimit-Reset`, `Retry-After` or the body's `error.retryAfter`; undefined when none is readable. */
export function longestWaitMs(headers: HeaderBag, retryAfter: unknown, nowMs: number): number | undefined {
  const named = [...headerValues(headers, 'x-ratelimit-reset'), ...headerValues(headers, 'retry-after'), retryAfter]
  const waits = named.map((value) => readWaitMs(value, nowMs)).filter((wait) => wait !== undefined)
  return waits.length === 0 ? undefined : Math.ceil(Math.max(...waits))
}
