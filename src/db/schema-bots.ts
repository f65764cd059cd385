import type { Generated, JSONColumnType } from 'kysely'
import type { Id, Json, Stamp, StampOrNull } from './schema-columns.ts'

/** What an operator may set of a bot; the defaults stand in `workers/bots/bot-rules.ts`. */
export interface BotSettings {
  /** What it is for, what it knows, and how it speaks. */
  instructions?: string
  /** Words at which a person is called, and the bot falls silent. */
  handoverPhrases?: string[]
  /** Users who are told that a person is wanted. */
  handoverTo?: number[]
  /** Messages of one user that are answered within an hour. */
  perUserHour?: number
  /** So long what is said is kept, and no longer. */
  memoryHours?: number
  /** Colleagues who ask for it are told what their last call was judged as. */
  tellsVerdicts?: boolean
}

export interface BotTable {
  portal_id: string
  bot_id: string
  code: string
  name: string
  type: string
  enabled: Generated<boolean>
  settings: JSONColumnType<BotSettings>
  /** The first event that is not recorded yet. */
  next_offset: Generated<string>
  due_at: Stamp
  lease_until: StampOrNull
  polled_at: StampOrNull
  /** Polls that failed, one after another. */
  failures: Generated<number>
  last_failure: string | null
  added_at: Stamp
}

/** What stands in a dialogue, for as long as the bot remembers. */
export interface BotMessageTable {
  id: Id
  portal_id: string
  bot_id: string
  dialog_id: string
  message_id: string
  author: 'user' | 'bot'
  /** Who wrote it, or who is answered. */
  user_id: string
  colleague: boolean
  /** The CRM record whose chat it is. */
  entity: Json
  body: string
  run_id: string | null
  /** The call whose verdict the answer told. */
  call_id: string | null
  said_at: Stamp
}

/** Dialogues that a person has taken over. */
export interface BotDialogTable {
  portal_id: string
  bot_id: string
  dialog_id: string
  held_at: Stamp
}
