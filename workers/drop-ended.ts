import type { RecordingCache } from '../src/audio/temp.ts'
import type { Database } from '../src/db/connect.ts'
import { listRunning } from '../src/db/open-runs.ts'

/** Lets go of the recordings of runs that ended elsewhere, were parked, cancelled or erased: no step of theirs will do it here. */
export async function dropEnded(db: Database, recordings: RecordingCache): Promise<void> {
  const held = recordings.runs()
  const running = await listRunning(db, held)
  for (const runId of held) if (!running.has(runId)) await recordings.drop(runId)
}
