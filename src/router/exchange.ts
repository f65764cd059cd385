import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Network } from '../audio/guarded-connect.ts'
import type { Database } from '../db/connect.ts'
import type { RouterKey } from '../db/router-keys.ts'
import type { Log } from '../log.ts'
import type { Sealer } from '../seal.ts'
import type { Asking } from './ask.ts'
import type { Meter } from './meter.ts'
import type { Models } from './models.ts'
import type { RouterSettings } from './settings.ts'
import type { Tenants } from './tenants.ts'

export interface Windows {
  /** Until a chat answer begins. */
  readonly chatMs: number
  /** The recogniser's window, which the document gives as 15 minutes. */
  readonly speechMs: number
  /** Between two pieces of a stream, either way. */
  readonly idleMs: number
  /** A check of a credential, a list of models. */
  readonly checkMs: number
}

/** What every route works with. */
export interface Kit {
  readonly db: Database
  readonly log: Log
  readonly sealer: Sealer
  readonly settings: RouterSettings
  readonly network: Network
  readonly allowHosts: readonly string[]
  readonly tempRoot: string
  readonly maxAudioBytes: number
  readonly maxBodyBytes: number
  readonly windows: Windows
  readonly now: () => number
  readonly models: Models
  readonly tenants: Tenants
  readonly meter: Meter
  readonly asking: Asking
}

/** One request that has been let in. */
export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly key: RouterKey
  readonly query: URLSearchParams
  /** What stood for `:name` and `*` in the route's path, decoded. */
  readonly params: Readonly<Record<string, string>>
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal
}

export function sendJson(
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  // As text: Node then writes head and body in one piece.
  const body = JSON.stringify(value)
  response.writeHead(status, {
    ...headers,
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
  })
  response.end(body)
}
