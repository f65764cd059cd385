export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** Looks until the answer is there; a look that throws counts as "not yet". Rejects with `what` after `withinMs`. */
export async function until<Value>(
  look: () => Promise<Value | null | false | undefined> | Value | null | false | undefined,
  what: string | (() => string),
  withinMs = 60_000,
  everyMs = 50,
): Promise<Value> {
  const deadline = performance.now() + withinMs
  let trouble = ''
  for (;;) {
    try {
      const seen = await look()
      if (seen !== null && seen !== false && seen !== undefined) return seen
      trouble = ''
    } catch (error) {
      trouble = `: ${error instanceof Error ? error.message : String(error)}`
    }
    if (performance.now() > deadline)
      throw new Error(
        `not within ${Math.round(withinMs / 1000)} s: ${typeof what === 'string' ? what : what()}${trouble}`,
      )
    await pause(everyMs)
  }
}
