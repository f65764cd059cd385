import { createHash } from 'node:crypto'
import type { ApiKey } from './portal.ts'
import { fail, type Reply } from './reply.ts'
import type { World } from './world.ts'

/** The service's breaker for a client that repeats one failing request for ever; off unless the switch names a number. */
export function breakLoop(world: World, key: ApiKey, method: string, url: URL, body: unknown): Reply | undefined {
  const limit = Number(key.portal.switches.errorLoopAfter)
  if (!Number.isInteger(limit)) return undefined
  const loop = world.errorLoops.get(key.value)
  if (!loop || loop.signature !== signature(method, url, body) || loop.failures < limit) return undefined
  loop.failures += 1
  // Every 50th goes through as a probe.
  if (loop.failures % 50 === 0) return undefined
  const status = Number(key.portal.switches.errorLoopStatus)
  return fail(status, 'ERROR_LOOP_DETECTED', 'The same request keeps failing', {
    retryAfter: 60,
    hint: 'Mend the request before sending it again',
  })
}

export function noteOutcome(world: World, key: ApiKey, method: string, url: URL, body: unknown, status: number): void {
  if (key.portal.switches.errorLoopAfter === 'off') return
  const known = world.errorLoops.get(key.value)
  const name = signature(method, url, body)
  if (status < 400) {
    if (known?.signature === name) world.errorLoops.delete(key.value)
    return
  }
  if (known?.signature === name) known.failures += 1
  else world.errorLoops.set(key.value, { signature: name, failures: 1 })
}

function signature(method: string, url: URL, body: unknown): string {
  return createHash('sha256')
    .update(`${method} ${url.pathname}${url.search} ${JSON.stringify(body) ?? ''}`)
    .digest('hex')
}
