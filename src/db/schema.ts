import type { ColumnType, Generated, JSONColumnType } from 'kysely'
import type { PortalSettings } from './portal-settings.ts'
import type { RouterTables } from './router-schema.ts'
import type { LeadScoreTable, ScheduleTable } from './schema-batches.ts'
import type { BotDialogTable, BotMessageTable, BotTable } from './schema-bots.ts'
import type { Id, Json, Stamp, StampOrNull } from './schema-columns.ts'
import type { ContactReadTable, DraftTable } from './schema-drafts.ts'
import type {
  BulkRetryCallTable,
  BulkRetryTable,
  CauseMarkTable,
  IdempotencyTable,
  LoginLinkTable,
  ReviewTable,
  Role,
  SessionTable,
  UserTable,
} from './schema-people.ts'

export type RunState = 'running' | 'done' | 'parked' | 'cancelled'
/** `ready` has no job (it may be due later, or behind a gate); `dispatched` has one; `joining` waits for child runs. */
export type StepState = 'ready' | 'dispatched' | 'running' | 'joining' | 'done' | 'parked' | 'cancelled'
export type EffectState = 'intent' | 'sent' | 'written'
export type InboxOutcome = 'accepted' | 'duplicate' | 'ignored' | 'refused'

export interface MetaTable {
  key: string
  value: string
}

export interface TombstoneTable {
  /** HMAC of a name that a call had, or of a phone number: tells whether something was erased, and never what. */
  digest: string
  erased_at: Stamp
}

export interface PortalTable {
  id: string
  member_id: string
  domain: string | null
  name: string
  base_url: string
  api_key_sealed: string
  /** A digest of the API key: gates belong to the key, whichever portals share it. */
  key_id: string
  token_hashes: string[]
  robot_secret_hash: string | null
  write_enabled: boolean
  sandbox: boolean
  settings: JSONColumnType<PortalSettings>
  added_at: Stamp
  last_event_at: StampOrNull
  reconciled_at: StampOrNull
  reconcile_lease_until: StampOrNull
  /** Calls that the last reconcile found and no event had told of. */
  reconcile_found: Generated<number>
}

export interface TokenTable {
  id: Id
  name: string
  hash: string
  created_at: Stamp
  last_used_at: StampOrNull
  revoked_at: StampOrNull
  role: ColumnType<Role, Role | undefined, Role>
  expires_at: StampOrNull
}

export interface InboxTable {
  id: Id
  received_at: Stamp
  portal_id: string | null
  source: string
  event: string | null
  outcome: InboxOutcome
  reason: string | null
  call_id: string | null
  masked: Json
}

export interface CallTable {
  id: Id
  portal_id: string
  run_id: string | null
  call_ref: string | null
  activity_id: string | null
  direction: 'in' | 'out' | null
  phone: string | null
  line: string | null
  user_id: string | null
  duration_s: number | null
  started_at: StampOrNull
  source: string
  /** Where the entry goes, when a person or the API said so; else locate finds it. */
  entity_type_id: number | null
  entity_id: string | null
  upload_id: string | null
  recording_url: string | null
  dry_run: boolean
  intent_no: number
  merged_into: string | null
  created_at: Stamp
}

export interface CallIdentityTable {
  identity: string
  call_id: string
}

export interface UploadTable {
  id: Id
  portal_id: string
  sha256: string
  bytes: string
  content_type: string | null
  /** How it is to be heard, where that is not as its portal says. */
  hearing: Json
  created_at: Stamp
}

export interface UploadChunkTable {
  upload_id: string
  n: number
  data: Buffer
}

export interface RunTable {
  id: Id
  workflow: string
  key: string
  portal_id: string
  generation: Generated<number>
  state: Generated<RunState>
  priority: number
  input: Json
  /** The step that this generation was asked to run again; its earlier output is not reused. */
  rerun_from: string | null
  /** Of an ended run: why it ended without its last step (`no_speech`, `merged`), or the class it is parked with. */
  class: string | null
  parent_step_id: string | null
  created_at: Stamp
  updated_at: Stamp
  finished_at: StampOrNull
}

export interface StepTable {
  id: Id
  run_id: string
  generation: number
  name: string
  index: number
  queue: string
  portal_id: string
  family: string
  priority: number
  state: StepState
  due_at: Stamp
  dispatch_no: Generated<number>
  dispatched_at: StampOrNull
  worker_id: string | null
  fence: Generated<number>
  attempts: Generated<number>
  laters: Generated<number>
  later_since: StampOrNull
  crashes: Generated<number>
  alone: Generated<boolean>
  alone_crashes: Generated<number>
  gate_passed: Generated<boolean>
  blocked_by: string | null
  item: Json
  cursor: Json
  input_hash: string | null
  output: Json
  class: string | null
  message: string | null
  hint: string | null
  policy: string | null
  created_at: Stamp
  finished_at: StampOrNull
}

export interface AttemptTable {
  id: Id
  step_id: string
  fence: number
  worker_id: string
  started_at: Stamp
  finished_at: StampOrNull
  outcome: string | null
  class: string | null
  message: string | null
  http_status: number | null
  code: string | null
  request_id: string | null
}

export interface EffectTable {
  key: string
  kind: string
  intent_no: number
  run_id: string
  step_id: string
  portal_id: string
  state: EffectState
  fence: number
  marker: string
  target: Json
  sent_at: StampOrNull
  written_at: StampOrNull
  external_id: string | null
  created_at: Stamp
}

export interface GateTable {
  key_id: string
  name: string
  /** `-infinity` = open; a time = closed until then; `infinity` = until a person has mended it. */
  closed_until: ColumnType<Date | number, string | undefined, string>
  class: string | null
  message: string | null
  hint: string | null
  request_id: string | null
  epoch: Generated<string>
  tat: Stamp
  per_minute: number | null
  per_second: number | null
  trial: Generated<boolean>
  closed_at: StampOrNull
  probe_at: StampOrNull
}

export interface SlotTable {
  portal_id: string
  n: number
  holder: string | null
  worker_id: string | null
  lease_until: Stamp
}

export interface WorkerTable {
  id: string
  host: string
  pid: number
  queues: string
  version: string
  /** See process-life.ts; null where it cannot be told. */
  realm: string | null
  born: string | null
  started_at: Stamp
  heartbeat_at: Stamp
}

export interface AlertTable {
  id: Id
  cause: string
  kind: string
  portal_ids: string[]
  sentence: string
  mend: string
  opened_at: Stamp
  seen_at: Stamp
  recovered_at: StampOrNull
}

export interface AlertMessageTable {
  alert_id: string
  phase: string
  channel: string
  sentence: string
  mend: string
  tries: Generated<number>
  due_at: Stamp
  notified_at: StampOrNull
  last_answer: string | null
}

export interface SpendTable {
  portal_id: string
  period: string
  used_ms: Generated<string>
  used_micros: Generated<string>
  reserved_ms: Generated<string>
  reserved_micros: Generated<string>
}

export interface SpendItemTable {
  key: string
  portal_id: string
  day: string
  month: string
  kind: string
  state: string
  speech_ms: string
  micros: string
  created_at: Stamp
  settled_at: StampOrNull
}

export interface AuditTable {
  id: Id
  at: Stamp
  actor: string
  action: string
  subject: string
  detail: Json
}

/** Schema `callsift`, always qualified: the record of what happened and of what must happen next. */
export interface Schema extends RouterTables {
  'callsift.meta': MetaTable
  'callsift.portals': PortalTable
  'callsift.tombstones': TombstoneTable
  'callsift.tokens': TokenTable
  'callsift.inbox': InboxTable
  'callsift.calls': CallTable
  'callsift.call_identities': CallIdentityTable
  'callsift.uploads': UploadTable
  'callsift.upload_chunks': UploadChunkTable
  'callsift.runs': RunTable
  'callsift.steps': StepTable
  'callsift.attempts': AttemptTable
  'callsift.effects': EffectTable
  'callsift.gates': GateTable
  'callsift.slots': SlotTable
  'callsift.workers': WorkerTable
  'callsift.schedules': ScheduleTable
  'callsift.lead_scores': LeadScoreTable
  'callsift.drafts': DraftTable
  'callsift.contact_reads': ContactReadTable
  'callsift.bots': BotTable
  'callsift.bot_messages': BotMessageTable
  'callsift.bot_dialogs': BotDialogTable
  'callsift.audit': AuditTable
  'callsift.alerts': AlertTable
  'callsift.alert_messages': AlertMessageTable
  'callsift.spend': SpendTable
  'callsift.spend_items': SpendItemTable
  'callsift.users': UserTable
  'callsift.sessions': SessionTable
  'callsift.login_links': LoginLinkTable
  'callsift.cause_marks': CauseMarkTable
  'callsift.bulk_retries': BulkRetryTable
  'callsift.bulk_retry_calls': BulkRetryCallTable
  'callsift.idempotency': IdempotencyTable
  'callsift.reviews': ReviewTable
}
