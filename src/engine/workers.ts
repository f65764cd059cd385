import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { sql } from 'kysely'
import type { Timings } from '../config.ts'
import type { Database } from '../db/connect.ts'
import type { Registry } from './registry.ts'
import { lockRun, parkRun } from './settle.ts'

/** Registers a worker: the row whose heartbeat keeps its steps leased. A restarted process is a new worker. */
export async function registerWorker(
  db: Database,
  facts: { queues: readonly string[]; version: string },
): Promise<string> {
  const id = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`
  await db
    .insertInto('callsift.workers')
    .values({ id, host: hostname(), pid: process.pid, queues: facts.queues.join(','), version: facts.version })
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
export async function freeStrays(
  db: Database,
  workerId: string,
  inHand: readonly string[],
  olderThanMs: number,
): Promise<number> {
  const freed = await sql`
    update callsift.steps s set state = 'ready', worker_id = null, fence = s.fence + 1
    from callsift.attempts a
    where s.worker_id = ${workerId} and s.state = 'running' and not (s.id = any(${inHand as string[]}::bigint[]))
      and a.step_id = s.id and a.fence = s.fence and a.started_at < clock_timestamp() - ${olderThanMs} * interval '1 millisecond'
    returning s.id`.execute(db)
  return freed.rows.length
}

/**
 * Declares workers dead whose heartbeat is older than the TTL and frees their steps. A crash counts for a step only if it
 * had passed its gate; after two it runs alone in a worker, after three alone it is parked as `poison`.
 */
export async function freeDeadWorkers<Context>(
  db: Database,
  registry: Registry<Context>,
  timings: Pick<Timings, 'workerTtlMs'>,
): Promise<{ workers: number; steps: number; poisoned: number }> {
  const freed = await db.transaction().execute(async (trx) => {
    const dead = await sql<{ id: string }>`delete from callsift.workers
      where heartbeat_at < clock_timestamp() - ${timings.workerTtlMs} * interval '1 millisecond' returning id`.execute(
      trx,
    )
    // Also steps of workers that are no longer listed at all: a retired worker has none, a vanished one may.
    const steps = await sql<{ id: string; run_id: string; alone_crashes: number }>`
      update callsift.steps s set state = 'ready', worker_id = null, fence = fence + 1, due_at = clock_timestamp(),
        crashes = crashes + gate_passed::int,
        alone_crashes = alone_crashes + (alone and gate_passed)::int,
        alone = alone or crashes + gate_passed::int >= 2,
        gate_passed = false
      where state = 'running' and not exists (select 1 from callsift.workers w where w.id = s.worker_id)
      returning id, run_id, alone_crashes`.execute(trx)
    if (dead.rows.length > 0) {
      await sql`update callsift.slots set holder = null, worker_id = null, lease_until = '-infinity'
        where worker_id = any(${dead.rows.map((row) => row.id)}::text[])`.execute(trx)
    }
    return { dead: dead.rows, steps: steps.rows }
  })
  let poisoned = 0
  for (const step of freed.steps.filter((one) => one.alone_crashes >= 3)) {
    poisoned += (await parkPoison(db, registry, step)) ? 1 : 0
  }
  return { workers: freed.dead.length, steps: freed.steps.length, poisoned }
}

async function parkPoison<Context>(
  db: Database,
  registry: Registry<Context>,
  step: { id: string; run_id: string },
): Promise<boolean> {
  return await db.transaction().execute(async (trx) => {
    const run = await lockRun(trx, step.run_id)
    const parked =
      await sql`update callsift.steps set state = 'parked', class = 'poison', policy = 'manual', finished_at = now(),
        message = 'The worker process died five times while working on this step, the last three times with nothing else beside it.',
        hint = 'Look at the recording and at the worker''s memory; retry the step after an update.'
      where id = ${step.id} and state in ('ready', 'dispatched') returning id`.execute(trx)
    if (parked.rows.length === 0) return false
    await parkRun(trx, registry, run, 'poison')
    return true
  })
}
