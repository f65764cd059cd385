import type { Config } from '../src/config.ts'
import type { Database } from '../src/db/connect.ts'
import { dropBatchRuns, dropDeliveries, dropLeadReasons, dropOutputs, dropUploads } from '../src/db/retention.ts'
import { pruneUploads } from '../src/db/uploads.ts'

/** Steps whose output holds what was said. */
const transcriptSteps = ['transcribePart', 'mergeTranscript']

/** One round of the sweep over what is older than it may be kept; 0 days = kept. */
export async function sweepByAge(deps: {
  db: Database
  keepDays: Config['keepDays']
  onRemoved: (what: string, rows: number) => void
}): Promise<void> {
  const { db, keepDays, onRemoved } = deps
  if (keepDays.deliveries > 0) onRemoved('deliveries', await dropDeliveries(db, keepDays.deliveries))
  if (keepDays.transcripts > 0) {
    onRemoved('transcripts', await dropOutputs(db, transcriptSteps, keepDays.transcripts))
    onRemoved('batch runs', await dropBatchRuns(db, keepDays.transcripts))
    onRemoved('lead reasons', await dropLeadReasons(db, keepDays.transcripts))
  }
  if (keepDays.uploads > 0) onRemoved('uploads', await dropUploads(db, keepDays.uploads))
  onRemoved('uploads', await pruneUploads(db))
}
