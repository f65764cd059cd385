import type { Generated } from 'kysely'
import type { Stamp, StampOrNull } from './schema-columns.ts'

interface RouterKeyTable {
  id: Generated<string>
  tenant: string
  name: string
  /** HMAC of the key: who reads the record cannot use it. */
  digest: string
  last4: string
  scopes: string[]
  per_second: number | null
  tokens_per_day: string | null
  budget_micros: string | null
  expires_at: StampOrNull
  created_at: Stamp
  revoked_at: StampOrNull
}

interface RouterCredentialTable {
  id: string
  tenant: string
  provider: string
  label: string
  /** Of a Custom provider; else empty, so that a provider stands once a tenant. */
  base_url: string
  key_sealed: string | null
  last4: string
  state: 'valid' | 'invalid'
  created_at: Stamp
  updated_at: Stamp
}

interface RouterModelTable {
  id: string
  credential_id: string
  model: string
  kind: 'chat' | 'transcription'
  context_length: number | null
  input_micros: string
  output_micros: string
  minute_micros: string
  created_at: Stamp
}

interface RouterUsageTable {
  day: string
  key_id: string
  /** A credential's id, or the name of the operator's own upstream. */
  credential_id: string
  model: string
  requests: string
  estimated: string
  prompt_tokens: string
  completion_tokens: string
  audio_ms: string
  cost_micros: string
}

/** What the AI Router keeps. No prompt, no answer, no recording: counts only. */
export interface RouterTables {
  'callsift.router_keys': RouterKeyTable
  'callsift.router_credentials': RouterCredentialTable
  'callsift.router_models': RouterModelTable
  'callsift.router_usage': RouterUsageTable
}
