import type { Generated } from 'kysely'
import type { Id, Json, Stamp, StampOrNull } from './schema-columns.ts'

/**
 * `waiting` for a person; `observed`: the portal was only looked at; `approved` by a person, or by the batch itself, and on its way to
 * the CRM; `written`; `undoing` and `undone`; `rejected`; `superseded` by a later one; `gone` with its record.
 */
export type DraftState =
  | 'waiting'
  | 'observed'
  | 'approved'
  | 'written'
  | 'undoing'
  | 'undone'
  | 'rejected'
  | 'superseded'
  | 'gone'

/** A text for one field of a record, and what stood there before. */
export interface DraftTable {
  id: Id
  portal_id: string
  collection: string
  record_id: string
  record_name: string | null
  field: string
  /** Of the rubric and of all that the model saw: equal = nothing to be drafted anew. */
  seen_hash: string
  rubric: string
  old_text: string
  text: string
  doubts: Json
  state: DraftState
  /** Why it came back to a person: `card_changed`, `writing_off`. */
  note: string | null
  /** Raised by each decision: one write for each. */
  intent_no: Generated<number>
  run_id: string
  write_run_id: string | null
  created_at: Stamp
  decided_by: string | null
  decided_at: StampOrNull
  written_at: StampOrNull
}

/** By what a lead or contact was last searched for contact data; what was found stands in the run's output. */
export interface ContactReadTable {
  portal_id: string
  collection: string
  record_id: string
  seen_hash: string
  /** What the record lacked then. */
  asked_for: string[]
  written: boolean
  run_id: string
  read_at: Stamp
}
