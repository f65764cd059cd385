const codes = new Set<unknown>(['ENOSPC', 'EDQUOT'])

/** Whether the error, or what caused it, is a disk without room. */
export function isDiskFull(error: unknown): boolean {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 8; cause = cause.cause, depth += 1) {
    if ('code' in cause && codes.has(cause.code)) return true
  }
  return false
}
