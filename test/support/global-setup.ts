import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import type { TestProject } from 'vitest/node'
import { startPostgres } from './postgres.ts'
import { type StoreServer, StoreUnavailable } from './processes.ts'
import { startRedis } from './redis.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Where test files ask for a store (see stores.ts). */
    storesUrl: string
  }
}

/** An empty PGlite record, made once a run: to make one takes seconds, to copy one takes a fraction of that. */
async function makeEmptyRecord(): Promise<StoreServer> {
  const folder = await mkdtemp(join(tmpdir(), 'callsift-empty-'))
  const pglite = await PGlite.create({ dataDir: folder })
  await pglite.close()
  return { url: folder, origin: 'PGlite', stop: () => rm(folder, { recursive: true, force: true }) }
}

/**
 * One Redis and one Postgres a run, started when the first test file asks for it and stopped after the last. What could not be had is
 * printed when everything else has been said, because a suite that did not run must not pass for one that did.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const starters: { [kind: string]: () => Promise<StoreServer> } = {
    redis: startRedis,
    postgres: startPostgres,
    record: makeEmptyRecord,
  }
  const started = new Map<string, Promise<StoreServer>>()
  const notRun = new Map<string, Set<string>>()

  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1')
    const kind = url.pathname.slice(1)
    if (kind === 'missing') {
      const reason = url.searchParams.get('reason') ?? ''
      notRun.set(reason, (notRun.get(reason) ?? new Set()).add(url.searchParams.get('what') ?? ''))
      response.end()
      return
    }
    const start = starters[kind]
    if (start === undefined) {
      response.writeHead(404).end()
      return
    }
    const store = started.get(kind) ?? start()
    started.set(kind, store)
    try {
      response.end(JSON.stringify({ url: (await store).url }))
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      const missing = error instanceof StoreUnavailable
      if (missing) notRun.set(reason, (notRun.get(reason) ?? new Set()).add(url.searchParams.get('what') ?? kind))
      response.end(JSON.stringify({ reason, missing }))
    }
  })
  // A test file that asks again just when its idle connection is being closed would fail for nothing.
  server.keepAliveTimeout = 0
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the store desk has no port')
  project.provide('storesUrl', `http://127.0.0.1:${address.port}`)

  return async () => {
    server.close()
    server.closeAllConnections()
    await Promise.allSettled([...started.values()].map(async (store) => (await store).stop()))
    if (notRun.size === 0) return
    const lines = [...notRun].flatMap(([reason, whats]) => [...whats].map((what) => `NOT RUN: ${what}: ${reason}`))
    const bar = '!'.repeat(100)
    process.stderr.write(
      `\n${bar}\n${lines.join('\n')}\nscripts/setup-machine.sh installs what is missing where apt is; stores may also be named in TEST_REDIS_URL and TEST_DATABASE_URL.\n${bar}\n`,
    )
  }
}
