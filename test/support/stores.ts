import { inject } from 'vitest'
import { createDatabase, type FreshDatabase } from './postgres.ts'

/**
 * The run's shared store, or undefined where this machine can have none: the caller then skips with `describe.skipIf`, and the end of the
 * run says so in capitals. With CI or CALLSIFT_TEST_FULL set a missing store is a failure: there, nothing may go unproven.
 */
async function need(kind: 'redis' | 'postgres', what: string): Promise<string | undefined> {
  const response = await fetch(`${inject('storesUrl')}/${kind}?what=${encodeURIComponent(what)}`)
  const answer = (await response.json()) as { url?: string; reason?: string; missing?: boolean }
  if (answer.url !== undefined) return answer.url
  const required = [process.env['CI'], process.env['CALLSIFT_TEST_FULL']].some(
    (value) => value !== undefined && value !== '' && value !== '0',
  )
  if (answer.missing === true && !required) return undefined
  throw new Error(`${what} needs ${kind}, which could not be had: ${answer.reason}`)
}

/** Address of the shared Redis; use a prefix of your own, others are there too. `what` names the suite in the notice. */
export function sharedRedis(what: string): Promise<string | undefined> {
  return need('redis', what)
}

/** An empty database on the shared Postgres. */
export async function freshDatabase(what: string): Promise<FreshDatabase | undefined> {
  const server = await need('postgres', what)
  return server === undefined ? undefined : createDatabase(server)
}

/** Collects what a test opened; `closeAll` closes it in reverse order and fails with the first error after having tried all. */
export function createClosers() {
  const closers: (() => unknown)[] = []
  return {
    add(close: () => unknown): void {
      closers.push(close)
    },
    async closeAll(): Promise<void> {
      const errors: unknown[] = []
      for (const close of closers.splice(0).reverse()) {
        try {
          await close()
        } catch (error) {
          errors.push(error)
        }
      }
      if (errors.length > 0) throw errors[0]
    },
  }
}
