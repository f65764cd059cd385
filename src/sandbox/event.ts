import { request } from 'undici'
import type { Call, Portal } from './portal.ts'

const failedReasons: Record<string, string> = {
  '200': 'Success call',
  '304': 'Skipped call',
  '603': 'Declined',
  '603-S': 'Call has been canceled',
  '486': 'Busy',
  '404': 'Wrong number',
}

/** Bitrix24 writes local time with its offset; the sandbox's portals live in Moscow. */
export function portalTime(at: number): string {
  return `${new Date(at + 3 * 3_600_000).toISOString().slice(0, 19)}+03:00`
}

function authFields(portal: Portal): [string, string][] {
  return [
    ['auth[domain]', portal.domain],
    ['auth[client_endpoint]', `https://${portal.domain}/rest/`],
    ['auth[server_endpoint]', 'https://oauth.bitrix.info/rest/'],
    ['auth[member_id]', portal.memberId],
    ['auth[application_token]', portal.applicationToken],
  ]
}

/** The outgoing webhook's body as Bitrix24 sends it: form-encoded, PHP brackets, all values strings, no URL of a recording. */
export function callEndForm(portal: Portal, call: Call, now: number): string {
  const data: Record<string, string> = {
    CALL_ID: call.callId,
    CALL_TYPE: String(call.type),
    PHONE_NUMBER: call.phone,
    PORTAL_NUMBER: call.line,
    PORTAL_USER_ID: String(call.userId),
    CALL_DURATION: String(call.durationSeconds),
    CALL_START_DATE: portalTime(call.startedAt),
    COST: '0',
    COST_CURRENCY: '',
    CALL_FAILED_CODE: call.failedCode,
    CALL_FAILED_REASON: failedReasons[call.failedCode] ?? 'Other',
    CRM_ACTIVITY_ID: call.activityId === undefined ? '' : String(call.activityId),
  }
  return new URLSearchParams([
    ['event', 'ONVOXIMPLANTCALLEND'],
    ['event_handler_id', '1061'],
    ...Object.entries(data).map(([name, value]): [string, string] => [`data[${name}]`, value]),
    ['ts', String(Math.floor(now / 1000))],
    ...authFields(portal),
  ]).toString()
}

/** ONCRMACTIVITYADD and ONCRMACTIVITYUPDATE carry an id and nothing else. */
export function activityForm(portal: Portal, event: string, activityId: number, now: number): string {
  return new URLSearchParams([
    ['event', event],
    ['event_handler_id', '1062'],
    ['data[FIELDS][ID]', String(activityId)],
    ['ts', String(Math.floor(now / 1000))],
    ...authFields(portal),
  ]).toString()
}

/** What the built-in robot "outgoing webhook" sends: the user's parameters stand in the URL, the body names the document, no token. */
export function robotBody(portal: Portal, dealId: number, now: number): { body: string; contentType: string } {
  const id = `DEAL_${dealId}`
  if (portal.switches.robotBody === 'json') {
    const auth = { domain: portal.domain, member_id: portal.memberId }
    const body = JSON.stringify({
      document_id: ['crm', 'CCrmDocumentDeal', id],
      auth,
      ts: String(Math.floor(now / 1000)),
    })
    return { body, contentType: 'application/json' }
  }
  const fields: [string, string][] = [
    ['document_id[0]', 'crm'],
    ['document_id[1]', 'CCrmDocumentDeal'],
    ['document_id[2]', id],
    ['auth[domain]', portal.domain],
    ['auth[member_id]', portal.memberId],
    ['ts', String(Math.floor(now / 1000))],
  ]
  return { body: new URLSearchParams(fields).toString(), contentType: 'application/x-www-form-urlencoded' }
}

export interface Delivery {
  readonly seq: number
  readonly at: number
  readonly portal: string
  readonly subject: string
  /** 0 = no answer. */
  status: number
  ms: number
  error: string | null
}

/** Sends events once. Bitrix24's queue server does not resend (events documentation: "No retries"). */
export class Deliveries {
  readonly list: Delivery[] = []
  readonly #running = new Set<Promise<void>>()
  readonly #abort = new AbortController()
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  /** `subject` is the call's id, or what else the event is about; `url` is the portal's own webhook unless told. */
  send(
    portal: Portal,
    subject: string,
    body: string,
    options: { url?: string | undefined; contentType?: string } = {},
  ): void {
    const url = options.url ?? portal.webhookUrl
    if (url === undefined) return
    const contentType = options.contentType ?? 'application/x-www-form-urlencoded'
    const delivery: Delivery = {
      seq: this.list.length + 1,
      at: this.#now(),
      portal: portal.name,
      subject,
      status: 0,
      ms: 0,
      error: null,
    }
    this.list.push(delivery)
    const sending = this.#post(url, body, contentType, delivery).finally(() => this.#running.delete(sending))
    this.#running.add(sending)
  }

  async #post(url: string, body: string, contentType: string, delivery: Delivery): Promise<void> {
    const headers = {
      'content-type': contentType,
      'user-agent': 'Bitrix24 Webhook Engine',
      'x-sandbox': 'callsift',
    }
    try {
      const answer = await request(url, {
        method: 'POST',
        body,
        headers,
        headersTimeout: 30_000,
        signal: this.#abort.signal,
      })
      await answer.body.dump()
      delivery.status = answer.statusCode
    } catch (error) {
      delivery.error = error instanceof Error ? error.message : String(error)
    }
    delivery.ms = this.#now() - delivery.at
  }

  /** Resolves when every event sent so far was answered or given up. */
  async settled(): Promise<void> {
    await Promise.all(this.#running)
  }

  async close(): Promise<void> {
    this.#abort.abort()
    await this.settled()
  }
}
