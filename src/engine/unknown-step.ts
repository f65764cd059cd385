import { sql } from 'kysely'
import type { Database } from '../db/connect.ts'
import type { StepJob } from './queues.ts'

export const unknownStepText = {
  class: 'unknown_step',
  message: 'The worker that took this step does not know it: the step was made by another release of the program.',
  hint: 'Nothing to do while the newer release is being started: its workers take it by themselves. After going back to an older release, start the newer one again.',
}

/**
 * While two releases run side by side, a job may name a step of the newer one. An older worker puts it back with the reason on it, its
 * place kept and nothing spent. It gets no job again, since older workers might take each one; those who know it come for it
 * (`takeSetAside`). False where the step is known.
 */
export async function setAsideUnknown(db: Database, job: StepJob, known: readonly string[]): Promise<boolean> {
  const put = await sql`
    update callsift.steps s set state = 'ready', class = ${unknownStepText.class}, message = ${unknownStepText.message},
      hint = ${unknownStepText.hint}
    from callsift.runs r
    where s.id = ${job.stepId} and s.dispatch_no = ${job.dispatchNo} and s.state = 'dispatched' and r.id = s.run_id
      and not (r.workflow || ' ' || s.name = any(${known as string[]}::text[]))
    returning s.id`.execute(db)
  return put.rows.length > 0
}

/** Takes one step that others have set aside and this program knows, as if its job had come; null when there is none. */
export async function takeSetAside(
  db: Database,
  known: readonly string[],
  queueNames: readonly string[],
): Promise<StepJob | null> {
  const taken = await sql<{ id: string; dispatch_no: number }>`
    update callsift.steps set state = 'dispatched', dispatch_no = dispatch_no + 1, dispatched_at = clock_timestamp(),
      class = null, message = null, hint = null
    where id = (select s.id from callsift.steps s join callsift.runs r on r.id = s.run_id
      where s.state = 'ready' and s.class = ${unknownStepText.class} and s.queue = any(${queueNames as string[]}::text[])
        and r.workflow || ' ' || s.name = any(${known as string[]}::text[])
      order by s.priority, s.due_at, s.id limit 1 for update of s skip locked)
    returning id, dispatch_no`.execute(db)
  const row = taken.rows[0]
  return row === undefined ? null : { stepId: row.id, dispatchNo: row.dispatch_no }
}
