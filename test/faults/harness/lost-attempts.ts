import { sql } from 'kysely'
import type { Connection } from '../../../src/db/connect.ts'

export interface LostAttempt {
  readonly step: string
  /** From the kill of its worker until its step was taken again, ms. */
  readonly recoveryMs: number
  /** The step was taken again and had to wait out the doubt of a write. */
  readonly inDoubt: boolean
  /** From the kill until the step had ended, ms. */
  readonly endedMs: number
}

/** Attempts whose worker was killed, and how long their steps waited for another; `killedAt` by process id, ms since 1970. */
export async function readLostAttempts(
  record: Connection,
  killedAt: ReadonlyMap<number, number>,
): Promise<LostAttempt[]> {
  const { rows } = await sql<{
    name: string
    worker_id: string
    next_at: Date | null
    ended_at: Date | null
    in_doubt: boolean
  }>`
    select s.name, a.worker_id, s.finished_at as ended_at,
      (select min(b.started_at) from callsift.attempts b where b.step_id = a.step_id and b.fence > a.fence) as next_at,
      exists (select 1 from callsift.attempts b where b.step_id = a.step_id and b.fence > a.fence and b.class = 'write_in_doubt') as in_doubt
    from callsift.attempts a join callsift.steps s on s.id = a.step_id where a.outcome = 'lost'`.execute(record.db)
  return rows.flatMap((row) => {
    const pid = Number(row.worker_id.split('-').at(-2))
    const at = killedAt.get(pid)
    if (at === undefined || row.next_at === null) return []
    return [
      {
        step: row.name,
        recoveryMs: row.next_at.getTime() - at,
        endedMs: (row.ended_at ?? row.next_at).getTime() - at,
        inDoubt: row.in_doubt,
      },
    ]
  })
}
