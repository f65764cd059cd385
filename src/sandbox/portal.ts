/**
 * One Bitrix24 portal of the sandbox. All of its state is in memory, and is gone when the sandbox ends: it plays a service
 * that other people run, and is never anybody's record.
 */
import { stableHex } from './reply.ts'
import { defaultSwitches, type Switches } from './switches.ts'

export type Row = Record<string, unknown> & { id: number }
export const crmEntities = ['leads', 'deals', 'contacts', 'companies', 'products', 'quotes', 'users'] as const
export type CrmEntity = (typeof crmEntities)[number]

type KeyState = 'active' | 'inactive' | 'revoked' | 'expired'
export interface ApiKey {
  readonly value: string
  readonly portal: Portal
  state: KeyState
  scopes: Set<string>
  readOnly: boolean
}

/** A recording as the portal's disk holds it; `availableAt` in ms since 1970, until then nobody sees it. */
export interface StoredFile {
  readonly id: number
  readonly name: string
  readonly bytes: Buffer
  readonly availableAt: number
}

/** A finished call: its statistics row in upper case is derived from this (voximplant.statistic.get). */
export interface Call {
  readonly statisticId: number
  readonly callId: string
  readonly type: number
  readonly phone: string
  readonly line: string
  readonly userId: number
  readonly durationSeconds: number
  readonly startedAt: number
  readonly failedCode: string
  readonly activityId: number | undefined
  readonly crmEntityType: 'CONTACT' | 'COMPANY' | 'LEAD' | ''
  readonly crmEntityId: number | undefined
  file: StoredFile | undefined
  transcript: unknown
  /** What the portal's own speech recognition made of it. */
  portalTranscript?: string | undefined
}

export interface Activity {
  readonly id: number
  readonly ownerTypeId: number
  readonly ownerId: number
  readonly direction: 1 | 2
  readonly responsibleId: number
  readonly startedAt: number
  readonly endedAt: number
  readonly subject: string
  readonly bindings: { entityTypeId: number; entityId: number }[]
  readonly call: Call
}

export interface TimelineEntry {
  readonly id: number
  readonly created: string
  readonly authorId: number
  readonly author: string
  readonly entityTypeId: number
  readonly entityId: number
  readonly title: string
  readonly text: string
  readonly iconCode: string
  note?: string
  pinned: boolean
  /** Records beside its owner that show it too. */
  readonly boundTo: { entityTypeId: number; entityId: number }[]
}

export interface Comment {
  readonly id: number
  readonly entityType: string
  readonly entityId: number
  comment: string
  readonly created: string
}

export interface Bot {
  readonly id: number
  readonly code: string
  readonly name: string
  readonly type: string
  readonly eventMode: string
  readonly events: { eventId: number; type: string; date: string; data: unknown }[]
  readonly messages: { id: number; dialogId: string; message: string }[]
  storedOffset: number
  typing: number
}

/** What stands in a chat; `dialogId` as the bot sees it. */
export interface ChatLine {
  readonly id: number
  readonly chatId: number
  readonly dialogId: string
  readonly authorId: number
  readonly text: string
  readonly date: string
}

export interface Notification {
  readonly id: number
  readonly userId: number
  readonly message: string
  readonly tag: string | null
}

export interface PortalOptions {
  readonly name: string
  readonly apiKey?: string
  readonly memberId?: string
  readonly applicationToken?: string
  readonly scopes?: readonly string[]
  /** Vibe credits; each AI request costs one. Absent: AI requests cost nothing. */
  readonly balance?: number | null
  readonly webhookUrl?: string
}

const allScopes = ['vibe:ai', 'crm', 'disk', 'telephony', 'call', 'user', 'imbot', 'im', 'bizproc'] as const

export class Portal {
  readonly name: string
  readonly domain: string
  readonly memberId: string
  readonly applicationToken: string
  readonly key: ApiKey
  readonly switches: Switches = defaultSwitches()
  webhookUrl: string | undefined
  balance: number | null
  readonly entities: Record<CrmEntity, Map<number, Row>>
  readonly calls: Call[] = []
  readonly callsById = new Map<string, Call>()
  readonly activities = new Map<number, Activity>()
  readonly files = new Map<number, StoredFile>()
  readonly timeline: TimelineEntry[] = []
  readonly timelineByOwner = new Map<string, TimelineEntry[]>()
  readonly comments = new Map<number, Comment>()
  readonly userFields = new Map<string, { id: number; fieldName: string; userTypeId: string; label: string }[]>()
  readonly bots = new Map<number, Bot>()
  readonly chatLines: ChatLine[] = []
  notifications: Notification[] = []
  readonly contactsByPhone = new Map<string, number>()
  /** `2:1234` = deal 1234 answers 403 BITRIX_ACCESS_DENIED. */
  readonly forbidden = new Set<string>()
  readonly usage: {
    at: number
    model: string
    promptTokens: number
    completionTokens: number
    audioSeconds: number
    cost: number
  }[] = []
  #lastId = 1000

  constructor(options: PortalOptions) {
    this.name = options.name
    this.domain = `${options.name}.sandbox.invalid`
    this.memberId = options.memberId ?? stableHex(`member:${options.name}`)
    this.applicationToken = options.applicationToken ?? stableHex(`application-token:${options.name}`)
    this.webhookUrl = options.webhookUrl
    this.balance = options.balance ?? null
    this.key = {
      value: options.apiKey ?? `vibe_api_sandbox_${options.name}`,
      portal: this,
      state: 'active',
      scopes: new Set(options.scopes ?? allScopes),
      readOnly: false,
    }
    const entities: Partial<Record<CrmEntity, Map<number, Row>>> = {}
    for (const entity of crmEntities) entities[entity] = new Map()
    this.entities = entities as Record<CrmEntity, Map<number, Row>>
  }

  /** Ids are counted over the whole portal, so that two kinds of things never share one by chance. */
  nextId(): number {
    this.#lastId += 1
    return this.#lastId
  }
}
