import type { Generated } from 'kysely'
import type { Json, Stamp, StampOrNull } from './schema-columns.ts'

export interface ScheduleTable {
  name: string
  due_at: Stamp
  last_run_at: StampOrNull
  last_result: Json
  portal_id: string | null
  workflow: string | null
  cron: string | null
  time_zone: string | null
  input: Json
  paused: Generated<boolean>
  environment: string | null
}

/** What a lead was last judged as, and by what it was seen. */
export interface LeadScoreTable {
  portal_id: string
  lead_id: string
  /** Of the rubric and of all that the model saw: equal = nothing to be judged anew. */
  seen_hash: string
  rubric: string
  quality: string
  score: number
  /** Null once it is older than transcripts may be kept. */
  reason: string | null
  /** Whether the CRM shows it; not where the portal was only observed. */
  written: boolean
  run_id: string
  scored_at: Stamp
}
