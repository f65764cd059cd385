import { Agent, request } from 'undici'
import { type Bed, spoken } from './bed.ts'
import { pause } from './until.ts'

interface Made {
  readonly portal: string
  readonly callId: string
  readonly dealId: number
  readonly eventForm: string
}

export interface Rung extends Made {
  /** HTTP status of the last time its event was posted; 0 = no answer. */
  status: number
  ms: number
  /** The header of a refusal. */
  retryAfter: string | null
  /** When it was answered, ms since 1970. */
  at: number
}

export interface Load {
  readonly calls: readonly Rung[]
  /** All events have been posted and answered, or have failed. */
  readonly done: Promise<void>
  /** Posts no further event. */
  stop(): void
  accepted(): Rung[]
  posted(): Rung[]
}

const agent = new Agent({ connections: 64, pipelining: 1 })

/** One event, as the portal sends it: once. */
export async function post(bed: Bed, call: Rung): Promise<void> {
  const startedAt = performance.now()
  try {
    const answer = await request(`${bed.origin}/webhooks/bitrix24`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: call.eventForm,
      dispatcher: agent,
      headersTimeout: 30_000,
    })
    await answer.body.dump()
    call.status = answer.statusCode
    call.retryAfter = answer.headers['retry-after']?.toString() ?? null
  } catch {
    call.status = 0
  }
  call.ms = performance.now() - startedAt
  call.at = Date.now()
}

/** Lets calls end on all portals (or those named) and posts their events at a fixed rate, whatever the answers. `spec` is the sandbox's. */
export async function ring(
  bed: Bed,
  options: {
    count: number
    perSecond: number
    portals?: readonly string[]
    spec?: Record<string, unknown>
    twice?: boolean
  },
): Promise<Load> {
  const made = await bed.control<Made[]>('POST', '/calls/bulk', {
    portals: options.portals ?? bed.portals.map((portal) => portal.name),
    count: options.count,
    toneText: spoken,
    durationSeconds: 60,
    entity: 'deal',
    sendEvent: false,
    ...options.spec,
  })
  const calls: Rung[] = made.map((one) => ({ ...one, status: -1, ms: 0, retryAfter: null, at: 0 }))
  let stopped = false
  const startedAt = performance.now()
  const done = (async () => {
    const posts: Promise<void>[] = []
    for (const [index, call] of calls.entries()) {
      await pause(Math.max(0, startedAt + (index * 1_000) / options.perSecond - performance.now()))
      if (stopped) break
      posts.push(post(bed, call))
      if (options.twice === true) posts.push(post(bed, call))
    }
    await Promise.all(posts)
  })()
  return {
    calls,
    done,
    stop: () => {
      stopped = true
    },
    accepted: () => calls.filter((call) => call.status === 200),
    posted: () => calls.filter((call) => call.status !== -1),
  }
}
