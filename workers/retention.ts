import type { Config } from '../src/config.ts'
import { dropOldDialogues } from '../src/db/bot-messages.ts'
import type { Database } from '../src/db/connect.ts'
import { dropBatchRuns, dropDeliveries, dropLeadReasons, dropOutputs, dropUploads } from '../src/db/retention.ts'
import { pruneUploads } from '../src/db/uploads.ts'
import { botRules } from './bots/bot-rules.ts'

/** Steps whose output holds what was said, or names people. */
const transcriptSteps = ['transcribePart', 'mergeTranscript', 'gatherFigures', 'writeProse', 'sendReport']

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
  onRemoved('chat messages', await dropOldDialogues(db, botRules({}).memoryHours))
  if (keepDays.uploads > 0) onRemoved('uploads', await dropUploads(db, keepDays.uploads))
  onRemoved('uploads', await pruneUploads(db))
}
