import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { sql } from 'kysely'
import type { Timings } from '../config.ts'
import type { Database } from '../db/connect.ts'
import { freeStep, type LostStep } from './free-step.ts'
import { readLife } from './process-life.ts'
import type { Registry } from './registry.ts'

/** Registers a worker: the row whose heartbeat keeps its steps leased. A restarted process is a new worker. */
export async function registerWorker(
  db: Database,
  facts: { queues: readonly string[]; version: string },
): Promise<string> {
  const id = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`
  await db
    .insertInto('callsift.workers')
    .values({
      id,
      host: hostname(),
      pid: process.pid,
      queues: facts.queues.join(','),
      version: facts.version,
      ...readLife(),
    })
    .execute()
  return id
}

/** False when the worker has been declared dead: its steps are another's now, and it must stop and register anew. */
export async function beat(db: Database, workerId: string): Promise<boolean> {
  const beaten =
    await sql`update callsift.workers set heartbeat_at = clock_timestamp() where id = ${workerId} returning id`.execute(
      db,
    )
  return beaten.rows.length > 0
}

export async function retireWorker(db: Database, workerId: string): Promise<void> {
  await db.deleteFrom('callsift.workers').where('id', '=', workerId).execute()
}

/**
 * Steps that this worker holds in the database but not in its hands (the answer to a claim was lost on the way) are freed.
 * `inHand` must hold every step claimed before `olderThanMs` ago.
 */
export async function freeStrays<Context>(
  db: Database,
  registry: Registry<Context>,
  workerId: string,
  inHand: readonly string[],
  olderThanMs: number,
): Promise<number> {
  const strays = await sql<LostStep>`
    select s.id, s.run_id, s.fence from callsift.steps s join callsift.attempts a on a.step_id = s.id and a.fence = s.fence
    where s.worker_id = ${workerId} and s.state = 'running' and not (s.id = any(${inHand as string[]}::bigint[]))
      and a.started_at < clock_timestamp() - ${olderThanMs} * interval '1 millisecond'`.execute(db)
  let freed = 0
  for (const step of strays.rows) freed += (await freeStep(db, registry, step, false)) === null ? 0 : 1
  return freed
}

/**
 * Declares workers dead whose heartbeat is older than the TTL and frees their steps. A crash counts for a step only if it
 * had passed its gate; after two it runs alone in a worker, after three alone it is parked as `poison`.
 * `notAfter` (database clock): a statement that arrives later, out of a pause of the database, declares nobody dead.
 */
export async function freeDeadWorkers<Context>(
  db: Database,
  registry: Registry<Context>,
  timings: Pick<Timings, 'workerTtlMs'>,
  notAfter: Date | null = null,
): Promise<{ workers: number; steps: number; poisoned: number }> {
  const dead = await db.transaction().execute(async (trx) => {
    const removed = await sql<{ id: string }>`delete from callsift.workers
      where heartbeat_at < clock_timestamp() - ${timings.workerTtlMs} * interval '1 millisecond'
        and (${notAfter}::timestamptz is null or clock_timestamp() <= ${notAfter}::timestamptz) returning id`.execute(
      trx,
    )
    const ids = removed.rows.map((row) => row.id)
    if (ids.length > 0) {
      await sql`update callsift.slots set holder = null, worker_id = null, lease_until = '-infinity'
        where worker_id = any(${ids}::text[])`.execute(trx)
    }
    return ids.length
  })
  // Also steps of workers that are no longer listed at all: retired with work in hand, or declared dead by a sweep that broke off here.
  const lost = await sql<LostStep>`select id, run_id, fence from callsift.steps s
    where state = 'running' and not exists (select 1 from callsift.workers w where w.id = s.worker_id) order by id`.execute(
    db,
  )
  return { workers: dead, ...(await freeAll(db, registry, lost.rows)) }
}

/**
 * Frees the steps of workers whose process is known to have ended. Their rows stay until the heartbeat is too old, and with them their
 * slots: what they had sent may still be worked on.
 */
export async function freeStepsOf<Context>(
  db: Database,
  registry: Registry<Context>,
  workerIds: readonly string[],
): Promise<{ steps: number; poisoned: number }> {
  if (workerIds.length === 0) return { steps: 0, poisoned: 0 }
  const lost = await sql<LostStep>`select id, run_id, fence from callsift.steps
    where state = 'running' and worker_id = any(${workerIds as string[]}::text[]) order by id`.execute(db)
  return await freeAll(db, registry, lost.rows)
}

async function freeAll<Context>(
  db: Database,
  registry: Registry<Context>,
  lost: readonly LostStep[],
): Promise<{ steps: number; poisoned: number }> {
  let steps = 0
  let poisoned = 0
  for (const step of lost) {
    const ended = await freeStep(db, registry, step, true)
    if (ended === 'poison') poisoned += 1
    if (ended !== null) steps += 1
  }
  return { steps, poisoned }
}
