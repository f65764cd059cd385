import { PGlite } from '@electric-sql/pglite'
import pg from 'pg'
import { createPglitePool } from '../../src/db/pglite-pool.ts'
import { createQueues, type QueuesOptions } from '../../src/engine/queues.ts'
import { createLog } from '../../src/log.ts'

/** A worker process to be killed: takes one job, says so, and never ends it. Arguments: kind, address, key prefix. */
const [, , kind, address = '', prefix = ''] = process.argv
const common = { log: createLog('silent'), timings: { lockMs: 1_000, stalledCheckMs: 300 } }

async function options(): Promise<QueuesOptions> {
  if (kind === 'redis') return { ...common, redisUrl: address, prefix }
  if (kind === 'postgres') return { ...common, kind, pool: new pg.Pool({ connectionString: address }) }
  return { ...common, kind: 'pglite', pool: createPglitePool(await PGlite.create(address)) }
}

const queues = await createQueues(await options())
// PGlite has one owner, so there the process that is killed must also have been the one that added.
if (kind === 'pglite') await queues.add('steps', [{ stepId: 'orphan', dispatchNo: 1 }])
await queues.work('steps', 1, async (job) => {
  process.send?.(job)
  await new Promise(() => undefined)
})
