export interface ProbeLimits {
  readonly minSeconds: number
  /** Longer sound is `too_long`. */
  readonly maxSeconds: number
  /** CPU time of the probing thread; size limits alone don't stop a file that unpacks to days. */
  readonly maxCpuMs: number
}

export const DEFAULT_PROBE_LIMITS: ProbeLimits = { minSeconds: 1, maxSeconds: 4 * 3600, maxCpuMs: 30_000 }
