import type { Log } from '../log.ts'
import { type AccountResource, createAccount } from './account.ts'
import { type AutomationResource, createAutomation } from './automation.ts'
import { createBatch, type RunBatch } from './batch.ts'
import { type BotsResource, createBots } from './bots.ts'
import { type ChatResource, createChat } from './chat.ts'
import { type CommentsResource, createComments } from './comments.ts'
import { type Connections, createConnections } from './connections.ts'
import { type CrmResource, createCrm } from './crm.ts'
import { type ClientDurations, defaultDurations } from './durations.ts'
import { createFiles, type FilesResource } from './files.ts'
import type { RequestGuard } from './guard.ts'
import { createLeads, type LeadsResource } from './leads.ts'
import { createNotices, type Notice } from './notices.ts'
import { createRecords, type RecordsResource } from './records.ts'
import { createRequester } from './request.ts'
import { createTelephony, type TelephonyResource } from './telephony.ts'
import { createTimeline, type TimelineResource } from './timeline.ts'
import { createUpstreamTraits, type UpstreamTraits } from './traits.ts'
import { createTranscribe, type Transcribe } from './transcribe.ts'
import { createUserFields, type UserFieldsResource } from './user-fields.ts'

export const defaultBaseUrl = 'https://vibecode.bitrix24.tech/v1'

export interface VibecodeOptions {
  readonly apiKey: string
  /** `https://vibecode.bitrix24.tech/v1` unless told; a trailing slash does no harm. */
  readonly baseUrl?: string | undefined
  readonly auth?: 'x-api-key' | 'bearer' | undefined
  /** Every request passes it; see guard.ts. */
  readonly guard: RequestGuard
  readonly log: Log
  /** Breaks off waiting for the guard and requests under way. */
  readonly signal?: AbortSignal | undefined
  readonly durations?: ClientDurations | undefined
  /** Shared by the clients of one upstream; made and owned by this client unless given. */
  readonly connections?: Connections | undefined
  readonly traits?: UpstreamTraits | undefined
  readonly onNotice?: ((notice: Notice) => void) | undefined
  readonly now?: (() => number) | undefined
  readonly random?: (() => number) | undefined
}

/** The VibeCode API as far as the steps need it. Errors: `Later`, `Retry`, `Permanent` with `failure`, or the guard's own. */
export interface Vibecode extends AccountResource {
  readonly chat: ChatResource
  readonly transcribe: Transcribe
  readonly crm: CrmResource
  readonly leads: LeadsResource
  readonly records: RecordsResource
  readonly comments: CommentsResource
  readonly timeline: TimelineResource
  readonly telephony: TelephonyResource
  readonly files: FilesResource
  readonly bots: BotsResource
  readonly batch: RunBatch
  readonly automation: AutomationResource
  readonly userFields: UserFieldsResource
  /** The same client (sockets, traits, notices) behind another guard or signal: a step's own. */
  with(bound: { guard?: RequestGuard; signal?: AbortSignal }): Vibecode
  /** Closes the sockets, unless they were given. */
  close(): Promise<void>
}

export function createVibecode(options: VibecodeOptions): Vibecode {
  const baseUrl = options.baseUrl ?? defaultBaseUrl
  const durations = options.durations ?? defaultDurations
  const now = options.now ?? Date.now
  const random = options.random ?? Math.random
  const connections = options.connections ?? createConnections({ baseUrl, durations })
  const traits = options.traits ?? createUpstreamTraits()
  const notices = createNotices({ log: options.log, now, onNotice: options.onNotice })
  const { apiKey, auth = 'x-api-key', log } = options

  function bind(guard: RequestGuard, signal: AbortSignal | undefined): Vibecode {
    const requester = createRequester({
      baseUrl,
      apiKey,
      auth,
      guard,
      log,
      connections,
      durations,
      notices,
      signal,
      now,
      random,
    })
    return {
      ...createAccount(requester, durations),
      chat: createChat(requester, durations, traits),
      transcribe: createTranscribe(requester, durations, traits),
      crm: createCrm(requester, durations),
      leads: createLeads(requester, durations),
      records: createRecords(requester, durations),
      comments: createComments(requester, durations),
      timeline: createTimeline(requester, durations, traits),
      telephony: createTelephony(requester, durations),
      files: createFiles(requester, durations),
      bots: createBots(requester, durations),
      batch: createBatch(requester, durations),
      automation: createAutomation(requester, durations),
      userFields: createUserFields(requester, durations),
      with: (bound) => bind(bound.guard ?? guard, bound.signal ?? signal),
      close: () => (options.connections === undefined ? connections.close() : Promise.resolve()),
    }
  }

  return bind(options.guard, options.signal)
}
