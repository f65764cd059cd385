import { createHmac } from 'node:crypto'
import { Client } from 'undici'
import { checkUrl, guardedConnector, type Network, systemNetwork } from '../../src/audio/guarded-connect.ts'
import type { Config } from '../../src/config.ts'
import type { Portal } from '../../src/db/portals.ts'
import { isStepFailure, Permanent } from '../../src/errors.ts'
import { programVersion } from '../../src/version.ts'
import type { Vibecode } from '../../src/vibecode/client.ts'

/** What is told, on whatever channel. */
export interface Told {
  /** The same for each try of one message, so that a receiver can drop what it has seen. */
  readonly id: string
  readonly phase: 'opened' | 'recovered' | 'test'
  readonly kind: string
  readonly cause: string
  readonly portalIds: readonly string[]
  readonly sentence: string
  readonly mend: string
  readonly openedAt: Date
  readonly recoveredAt: Date | null
}

export interface Sent {
  readonly arrived: boolean
  /** What came back, for a person. */
  readonly answer: string
}

export const urlChannel = 'url'
const botPrefix = 'bot:'
const sendMs = 10_000

/** Where an alert about these portals is told (none = about everybody): the address, and the bots of the portals it concerns. */
export function channelsOf(config: Config, portals: readonly Portal[], portalIds: readonly string[]): string[] {
  const bots = portals.filter(
    (portal) => portal.settings.alertBot !== undefined && (portalIds.length === 0 || portalIds.includes(portal.id)),
  )
  return [
    ...(config.secrets.alertUrl === undefined ? [] : [urlChannel]),
    ...bots.map((portal) => `${botPrefix}${portal.id}`),
  ]
}

/** Tells it on one channel. Never throws for what a channel does. */
export async function send(
  deps: { config: Config; portals: readonly Portal[]; clientFor(portal: Portal): Vibecode; network?: Network },
  channel: string,
  told: Told,
): Promise<Sent> {
  const sandbox = deps.config.mode !== 'live'
  if (channel === urlChannel) return await sendUrl(deps.config, told, sandbox, deps.network ?? systemNetwork)
  const portal = deps.portals.find((one) => `${botPrefix}${one.id}` === channel)
  const bot = portal?.settings.alertBot
  if (portal === undefined || bot === undefined) return { arrived: false, answer: 'the bot is not set up any more' }
  try {
    await deps
      .clientFor(portal)
      .bots.sendMessage(bot.botId, { dialogId: bot.dialogId, text: textOf(told, sandbox || portal.sandbox) })
    return { arrived: true, answer: 'the portal took the message' }
  } catch (error) {
    if (!isStepFailure(error)) throw error
    return { arrived: false, answer: `${error.message} ${error.hint ?? ''}`.trim() }
  }
}

function textOf(told: Told, sandbox: boolean): string {
  const words = { opened: 'Alert', recovered: 'Over', test: 'Test' }
  return `${sandbox ? 'SANDBOX. ' : ''}Callsift. ${words[told.phase]}: ${told.sentence}\n${told.mend}`
}

/**
 * POSTs JSON. `text` is what chat services show; with a secret, `x-callsift-signature: t=<unix>,v1=<hex>` is the HMAC-SHA-256 of
 * `<unix>.<body>`. The address is guarded like a recording's: public, or named in CALLSIFT_ALLOW_HOSTS; redirects are not followed.
 */
async function sendUrl(config: Config, told: Told, sandbox: boolean, network: Network): Promise<Sent> {
  const { alertUrl = '', alertSecret } = config.secrets
  const body = JSON.stringify({ ...told, sandbox, text: textOf(told, sandbox) })
  const sentAt = Math.floor(Date.now() / 1000)
  const headers: Record<string, string> = {
    'content-type': 'application/json; charset=utf-8',
    'user-agent': `callsift/${programVersion}`,
    'x-callsift-alert-id': told.id,
  }
  if (alertSecret !== undefined) {
    const mac = createHmac('sha256', alertSecret).update(`${sentAt}.${body}`).digest('hex')
    headers['x-callsift-signature'] = `t=${sentAt},v1=${mac}`
  }
  let client: Client | null = null
  try {
    const target = checkUrl(alertUrl, config.allowHosts)
    client = new Client(target.url.origin, { connect: guardedConnector(target, network) })
    const answer = await client.request({
      path: target.url.pathname + target.url.search,
      method: 'POST',
      headers,
      body,
      signal: AbortSignal.timeout(sendMs),
    })
    const { statusCode } = answer
    await answer.body.dump({ limit: 16_384, signal: AbortSignal.timeout(2_000) }).catch(() => undefined)
    if (statusCode >= 200 && statusCode < 300) return { arrived: true, answer: `the address answered ${statusCode}` }
    const why = statusCode >= 300 && statusCode < 400 ? '; redirects are not followed, give the last address' : ''
    return { arrived: false, answer: `the address answered ${statusCode}${why}` }
  } catch (error) {
    return { arrived: false, answer: explain(error) }
  } finally {
    // Nothing of the answer's body is wanted.
    await client?.destroy().catch(() => undefined)
  }
}

/** Never the address itself: the path of a chat service's is a secret. */
function explain(error: unknown): string {
  if (error instanceof Permanent && error.class === 'blocked_address') {
    return 'the host of CALLSIFT_ALERT_URL lies in a private or reserved network; if it is yours, name host and port in CALLSIFT_ALLOW_HOSTS'
  }
  if (error instanceof Permanent) {
    return 'CALLSIFT_ALERT_URL must be http or https, without a user name, on a port of a web server (or its host and port named in CALLSIFT_ALLOW_HOSTS)'
  }
  const name = error instanceof Error ? ('code' in error ? String(error.code) : error.name) : 'unknown error'
  return `the address could not be reached (${name})`
}
