import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { request } from 'undici'
import { loadConfig } from '../../src/config.ts'
import { type App, openApp } from '../../src/context.ts'
import { type NewPortal, savePortal } from '../../src/db/portals.ts'
import { openSession } from '../../src/db/sessions.ts'
import { saveUser } from '../../src/db/users.ts'
import { createHttpServer, type HttpServer } from '../../src/http/server.ts'
import { createLog } from '../../src/log.ts'
import { makeDataFolder } from './data-folder.ts'

export const applicationToken = 'jvh9-application-token-of-acme-01'
export const memberId = 'a223c6b3710f85df22e9377d6c4f7553'

export interface HttpApp {
  readonly app: App
  readonly server: HttpServer
  readonly localToken: string
  close(): Promise<void>
  addPortal(portal?: Partial<NewPortal>): Promise<void>
  post(
    path: string,
    body: string,
    headers?: Record<string, string>,
  ): Promise<{ status: number; headers: Record<string, unknown>; text: string }>
  get(
    path: string,
    headers?: Record<string, string>,
  ): Promise<{ status: number; headers: Record<string, unknown>; text: string }>
  /** Headers of somebody who is logged in to the pages with this role, as a browser sends them from there. */
  visit(role?: 'viewer' | 'operator' | 'admin'): Promise<Record<string, string>>
  /** Runs an operation over the API with full rights. */
  operate(name: string, input?: unknown): Promise<{ status: number; answer: Record<string, unknown> }>
  count(table: 'calls' | 'runs' | 'inbox' | 'uploads' | 'upload_chunks'): Promise<number>
}

/** The whole program on a record of its own (PGlite in a fresh folder, or `databaseUrl`), its web server on a free port, no workers. */
export async function startHttpApp(
  options: { environment?: Record<string, string>; log?: (line: string) => void; now?: () => number } = {},
): Promise<HttpApp> {
  const folder = await makeDataFolder()
  const config = loadConfig({
    CALLSIFT_DATA: folder,
    CALLSIFT_SECRET_KEY: 'a-secret-key-for-tests',
    ...options.environment,
  })
  const log = createLog(options.log === undefined ? 'silent' : 'trace', { write: (line) => options.log?.(line) })
  const app = await openApp(config, log)
  const localToken = 'token-of-this-very-start'
  const server = await createHttpServer(app, { host: '127.0.0.1', port: 0, localToken, now: options.now })
  const send = async (method: 'GET' | 'POST', path: string, headers: Record<string, string>, body?: string) => {
    const answer = await request(`${server.url}${path}`, {
      method,
      headers,
      body: body ?? null,
      headersTimeout: 15_000,
    })
    return { status: answer.statusCode, headers: answer.headers, text: await answer.body.text() }
  }
  return {
    app,
    server,
    localToken,
    close: async () => {
      await server.close()
      await app.close({ drainMs: 0 })
      await rm(folder, { recursive: true, force: true })
    },
    addPortal: async (portal = {}) => {
      await savePortal(app.db, app.sealer, {
        id: 'acme',
        memberId,
        domain: 'acme.bitrix24.ru',
        name: 'Acme',
        baseUrl: 'http://127.0.0.1:9/v1',
        apiKey: 'vibe_api_0123456789abcdef',
        applicationToken,
        robotSecret: 'robot-secret-of-acme',
        writeEnabled: true,
        sandbox: config.mode !== 'live',
        ...portal,
      })
    },
    post: (path, body, headers = {}) =>
      send('POST', path, { 'content-type': 'application/x-www-form-urlencoded', ...headers }, body),
    get: (path, headers = {}) => send('GET', path, headers),
    visit: async (role = 'admin') => {
      const { id } = await saveUser(app.db, `${role}-of-the-test`, role)
      const secret = randomBytes(32).toString('base64url')
      await openSession(app.db, id, secret)
      return { cookie: `__Host-callsift=${secret}`, 'sec-fetch-site': 'same-origin' }
    },
    operate: async (name, input = {}) => {
      const headers = { authorization: `Bearer ${localToken}`, 'content-type': 'application/json' }
      const answer = await send('POST', `/api/v1/ops/${name}`, headers, JSON.stringify(input))
      return { status: answer.status, answer: JSON.parse(answer.text) as Record<string, unknown> }
    },
    count: async (table) => {
      const row = await app.db
        .selectFrom(`callsift.${table}`)
        .select((build) => build.fn.countAll<string>().as('n'))
        .executeTakeFirstOrThrow()
      return Number(row.n)
    },
  }
}

/** ONVOXIMPLANTCALLEND as Bitrix24 sends it; `undefined` leaves a field out, names of `data` are given bare. */
export function callEnd(
  data: Record<string, string | undefined> = {},
  head: Record<string, string | undefined> = {},
): string {
  const fields: Record<string, string | undefined> = {
    event: 'ONVOXIMPLANTCALLEND',
    event_handler_id: '1061',
    ts: String(Math.floor(Date.now() / 1000)),
    'auth[domain]': 'acme.bitrix24.ru',
    'auth[client_endpoint]': 'https://acme.bitrix24.ru/rest/',
    'auth[server_endpoint]': 'https://oauth.bitrix.info/rest/',
    'auth[member_id]': memberId,
    'auth[application_token]': applicationToken,
    ...head,
  }
  const call: Record<string, string | undefined> = {
    CALL_ID: 'externalCall.7b0c7de8.1773239327',
    CALL_TYPE: '2',
    PHONE_NUMBER: '+74951234567',
    PORTAL_NUMBER: 'reg133788',
    PORTAL_USER_ID: '12',
    CALL_DURATION: '95',
    CALL_START_DATE: '2026-03-11T17:28:46+03:00',
    COST: '0',
    COST_CURRENCY: '',
    CALL_FAILED_CODE: '200',
    CALL_FAILED_REASON: 'Success call',
    CRM_ACTIVITY_ID: '7953',
    ...data,
  }
  const form = new URLSearchParams()
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) form.append(name, value)
  for (const [name, value] of Object.entries(call)) if (value !== undefined) form.append(`data[${name}]`, value)
  return form.toString()
}
