import { createHmac, randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Log } from '../log.ts'
import type { Deliveries } from './event.ts'
import type { Faults } from './faults.ts'
import { type Limits, PortalQueue, SlidingWindow } from './limits.ts'
import type { ModelMode } from './model.ts'
import { type ApiKey, Portal, type PortalOptions } from './portal.ts'
import type { Reply } from './reply.ts'
import type { Sound } from './sound.ts'
import type { Truth } from './truth.ts'

type Family = 'ai' | 'portal' | 'platform'
type ModelStatus = 'ACTIVE' | 'DEPRECATED' | 'DISABLED'
export interface ModelEntry {
  readonly id: string
  readonly kind: 'chat' | 'audio'
  status: ModelStatus
  replacement?: string | undefined
  readonly contextLength: number
}

export interface Route {
  readonly name: string
  readonly method: string
  /** `:name` is one segment, `*name` the rest of the path with its slashes. */
  readonly path: string
  readonly family: Family
  readonly scope?: 'vibe:ai' | 'crm' | 'disk' | 'call' | 'user' | 'imbot' | 'im'
  /** Errors in raw OpenAI form. */
  readonly openai?: boolean
  /** The handler reads the body itself. */
  readonly stream?: boolean
  run(context: Context): Reply | Promise<Reply>
}

export interface Context {
  readonly world: World
  readonly portal: Portal
  readonly key: ApiKey
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  /** Parsed JSON; `undefined` where there was none. */
  readonly body: unknown
  readonly request: IncomingMessage
  readonly requestId: string
  readonly now: number
  /** Adds to the append-only list of what was really done. */
  effect(kind: string, detail: Record<string, unknown>): void
}

export interface ModelPlan {
  mode: ModelMode
  /** Answers this exact text instead, to try a given model output. */
  content?: string | undefined
  finishReason?: string | undefined
}

/** All that one sandbox knows; in memory, see portal.ts. */
export class World {
  readonly portals = new Map<string, Portal>()
  readonly keys = new Map<string, ApiKey>()
  readonly windows = new Map<string, SlidingWindow>()
  readonly queues = new Map<string, PortalQueue>()
  readonly models: ModelEntry[] = [
    { id: 'bitrix/bitrixgpt-5.5', kind: 'chat', status: 'ACTIVE', contextLength: 262_144 },
    { id: 'bitrix/bitrixgpt-5.5-thinking', kind: 'chat', status: 'ACTIVE', contextLength: 262_144 },
    { id: 'bitrix/google/gemma-4-26B-A4B-it', kind: 'chat', status: 'ACTIVE', contextLength: 131_072 },
    { id: 'bitrix/bitrixgpt-5', kind: 'chat', status: 'DEPRECATED', contextLength: 131_072 },
    {
      id: 'bitrix/bitrixgpt-4',
      kind: 'chat',
      status: 'DISABLED',
      replacement: 'bitrix/bitrixgpt-5.5',
      contextLength: 32_768,
    },
    { id: 'bitrix/bitrixgpt-3', kind: 'chat', status: 'DISABLED', contextLength: 8192 },
    { id: 'bitrix/deepdml/faster-whisper-large-v3-turbo-ct2', kind: 'audio', status: 'ACTIVE', contextLength: 0 },
  ]
  /** Standing mode of the model, and one-time plans that come before it. */
  readonly model: { standing: ModelMode; plans: { portal?: string | undefined; left: number; plan: ModelPlan }[] }
  /** Text to be heard in files of this sha256 instead of what the recogniser hears. */
  readonly misheard = new Map<string, string>()
  readonly errorLoops = new Map<string, { signature: string; failures: number }>()
  readonly signingKey = randomBytes(32)
  origin = ''
  readonly truth: Truth
  readonly faults: Faults
  readonly deliveries: Deliveries
  readonly sound: Sound
  readonly limits: Limits
  readonly latencyMs: number
  /** How long the recogniser takes over a minute of sound, ms: real ones take their time. */
  hearingMsPerMinute = 0
  readonly log: Log
  readonly now: () => number

  constructor(parts: {
    truth: Truth
    faults: Faults
    deliveries: Deliveries
    sound: Sound
    limits: Limits
    latencyMs: number
    model: ModelMode
    log: Log
    now: () => number
  }) {
    this.truth = parts.truth
    this.faults = parts.faults
    this.deliveries = parts.deliveries
    this.sound = parts.sound
    this.limits = parts.limits
    this.latencyMs = parts.latencyMs
    this.model = { standing: parts.model, plans: [] }
    this.log = parts.log
    this.now = parts.now
  }

  /** Makes a portal, or changes the settings of the one with this name. */
  addPortal(options: PortalOptions): Portal {
    if (!/^[a-z0-9][a-z0-9-]{0,40}$/.test(options.name)) {
      throw new Error(`"${options.name}" cannot name a sandbox portal: use up to 41 of a-z, 0-9 and "-"`)
    }
    const known = this.portals.get(options.name)
    if (known) {
      if (options.scopes) known.key.scopes = new Set(options.scopes)
      if (options.balance !== undefined) known.balance = options.balance
      if (options.webhookUrl !== undefined) known.webhookUrl = options.webhookUrl
      return known
    }
    const portal = new Portal(options)
    this.portals.set(portal.name, portal)
    this.keys.set(portal.key.value, portal.key)
    this.queues.set(portal.name, new PortalQueue())
    const users = [
      ['Анна', 'Песочница'],
      ['SANDBOX', 'Manager'],
    ]
    users.forEach(([name, lastName], index) => {
      const id = index + 1
      portal.entities.users.set(id, {
        id,
        ID: String(id),
        NAME: name,
        LAST_NAME: lastName,
        ACTIVE: true,
        EMAIL: `user${id}@${portal.domain}`,
      })
    })
    return portal
  }

  portal(name: string): Portal {
    const portal = this.portals.get(name)
    if (!portal) throw new Error(`the sandbox has no portal "${name}"; make it with POST /__sandbox/portals`)
    return portal
  }

  window(key: string): SlidingWindow {
    let window = this.windows.get(key)
    if (!window) {
      window = new SlidingWindow()
      this.windows.set(key, window)
    }
    return window
  }

  /** A link to a file's bytes that needs no key and works for `seconds` (the portal's own links are as short-lived). */
  signFile(portal: Portal, fileId: number, seconds = 300): string {
    const expires = Math.floor(this.now() / 1000) + seconds
    const payload = `${portal.name}.${fileId}.${expires}`
    return `${this.origin}/rest/download.json?token=disk.${payload}.${this.#sign(payload)}`
  }

  /** The file a signed link names; `undefined` when the link is forged or its time is over. */
  openSigned(token: string): { portal: Portal; fileId: number } | undefined {
    const [kind, name, id, expires, signature] = token.split('.')
    if (kind !== 'disk' || this.#sign(`${name}.${id}.${expires}`) !== signature) return undefined
    const portal = this.portals.get(name ?? '')
    return portal && Number(expires) * 1000 > this.now() ? { portal, fileId: Number(id) } : undefined
  }

  #sign(payload: string): string {
    return createHmac('sha256', this.signingKey).update(payload).digest('hex').slice(0, 32)
  }
}
