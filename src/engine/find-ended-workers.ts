import type { Database } from '../db/connect.ts'
import { hasEnded, readLife } from './process-life.ts'

/** Ids of workers beside this process, on the same machine, whose process has ended although their heartbeat is young enough. */
export async function findEndedWorkers(db: Database): Promise<string[]> {
  const life = readLife()
  if (life === null) return []
  const beside = await db
    .selectFrom('callsift.workers')
    .select(['id', 'pid', 'born'])
    .where('realm', '=', life.realm)
    .execute()
  return beside.filter(({ pid, born }) => born !== null && hasEnded({ pid, born })).map((worker) => worker.id)
}
