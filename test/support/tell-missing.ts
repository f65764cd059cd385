import { inject } from 'vitest'

/** A suite that cannot run here: the end of the run says so in capitals. With CI or CALLSIFT_TEST_FULL set it is a failure. */
export async function tellMissing(what: string, reason: string): Promise<void> {
  if (process.env['CI'] !== undefined || process.env['CALLSIFT_TEST_FULL'] !== undefined)
    throw new Error(`${what}: ${reason}`)
  await fetch(`${inject('storesUrl')}/missing?${new URLSearchParams({ what, reason })}`)
}
