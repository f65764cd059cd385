import { sql } from 'kysely'
import type { Database } from '../db/connect.ts'
import type { Registry } from './registry.ts'
import { lockRun, parkRun } from './settle.ts'

export interface LostStep {
  readonly id: string
  readonly run_id: string
  readonly fence: number
}

/** Alone in its worker after so many crashes beside others; parked after so many alone. */
const crashesUntilAlone = 2
const crashesUntilParked = 3

/**
 * Frees a running step that nobody works on any more, under its run's lock: what the run has moved on from (a newer generation, a
 * cancelled run) is not worked on again, nothing of it would count. With `crashed`, the end of its worker counts against it if it had
 * passed its gate. Null when it ended or was taken over meanwhile.
 */
export async function freeStep<Context>(
  db: Database,
  registry: Registry<Context>,
  step: LostStep,
  crashed: boolean,
): Promise<'ready' | 'cancelled' | 'poison' | null> {
  return await db.transaction().execute(async (trx) => {
    const run = await lockRun(trx, step.run_id)
    const freed = await sql<{ state: 'ready' | 'cancelled'; alone_crashes: number }>`
      update callsift.steps set worker_id = null, fence = fence + 1, gate_passed = false,
        state = case when generation < ${run.generation} or ${run.state === 'cancelled'} then 'cancelled' else 'ready' end,
        crashes = crashes + (${crashed} and gate_passed)::int,
        alone_crashes = alone_crashes + (${crashed} and alone and gate_passed)::int,
        alone = alone or crashes + (${crashed} and gate_passed)::int >= ${crashesUntilAlone}
      where id = ${step.id} and state = 'running' and fence = ${step.fence} returning state, alone_crashes`.execute(trx)
    const row = freed.rows[0]
    if (row === undefined) return null
    await sql`update callsift.attempts set finished_at = clock_timestamp(), outcome = 'lost'
      where step_id = ${step.id} and fence = ${step.fence} and finished_at is null`.execute(trx)
    if (row.state === 'cancelled' || row.alone_crashes < crashesUntilParked) return row.state
    await sql`update callsift.steps set state = 'parked', class = 'poison', policy = 'manual', finished_at = now(),
        message = 'The worker process died five times while working on this step, the last three times with nothing else beside it.',
        hint = 'Look at what it works on (the recording of a call) and at the worker''s memory; retry the step after an update.'
      where id = ${step.id}`.execute(trx)
    await parkRun(trx, registry, run, 'poison')
    return 'poison'
  })
}
