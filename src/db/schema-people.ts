import type { Id, Json, Stamp, StampOrNull } from './schema-columns.ts'

// Who looks and acts, and what they decided (migration `dashboard`).

/** Each may do what those before it may. */
export type Role = 'viewer' | 'operator' | 'admin'

export interface UserTable {
  id: Id
  name: string
  role: Role
  /** scrypt, with its parameters and salt; null = only by a login link. */
  password: string | null
  created_at: Stamp
  last_login_at: StampOrNull
  /** Since when this person may not come in. */
  disabled_at: StampOrNull
}

export interface SessionTable {
  /** SHA-256 of what the cookie holds. */
  digest: string
  user_id: string
  created_at: Stamp
  seen_at: Stamp
}

export interface LoginLinkTable {
  digest: string
  user_id: string
  expires_at: Stamp
}

export interface CauseMarkTable {
  class: string
  state: 'resolved' | 'ignored'
  at: Stamp
  /** Of an ignored one: when it shows again. */
  until: StampOrNull
  actor: string
}

export interface BulkRetryTable {
  id: Id
  actor: string
  reason: string | null
  filter: Json
  from_step: string | null
  total: number
  created_at: Stamp
  finished_at: StampOrNull
}

export interface BulkRetryCallTable {
  bulk_id: string
  call_id: string
  /** Null until its turn; then `retried`, or why it was left alone. */
  outcome: string | null
}

export interface IdempotencyTable {
  actor: string
  action: string
  key: string
  digest: string
  answer: Json
  created_at: Stamp
}

export interface ReviewTable {
  id: Id
  call_id: string
  generation: number
  decision: 'approved' | 'corrected' | 'rejected'
  quality: string | null
  score: number | null
  reason: string | null
  model_verdict: Json
  actor: string
  at: Stamp
}
