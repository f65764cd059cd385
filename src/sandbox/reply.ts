import { createHash } from 'node:crypto'

/** An answer before it is put on the wire; faults may still change or withhold it. */
export interface Reply {
  readonly status: number
  readonly headers?: Record<string, string>
  /** Sent as JSON; `undefined` together with no `bytes` means no body. */
  readonly json?: unknown
  readonly bytes?: Buffer
  readonly contentType?: string
}

export type Extra = Record<string, unknown>

/** The `{success, data, meta}` envelope of every route that is not an OpenAI one. */
export function ok(data: unknown, meta?: Extra, status = 200): Reply {
  return { status, json: meta === undefined ? { success: true, data } : { success: true, data, meta } }
}

/** `{success:false, error:{code, message, hint?, userMessage?, retryAfter?}}`. `retryAfter` (seconds) is mirrored in Retry-After. */
export function fail(status: number, code: string, message: string, extra: Extra = {}): Reply {
  const retryAfter = extra['retryAfter']
  const headers: Record<string, string> = typeof retryAfter === 'number' ? { 'retry-after': String(retryAfter) } : {}
  return { status, headers, json: { success: false, error: { code, message, ...extra } } }
}

/** The raw OpenAI error; `type` follows from the status as the AI Router documents it, `code` is always lower case there. */
export function aiFail(status: number, code: string, message: string): Reply {
  return { status, json: { error: { message, type: errorType(status), code } } }
}

function errorType(status: number): string {
  if (status === 402) return 'insufficient_quota'
  if (status === 503) return 'service_unavailable'
  return status >= 500 ? 'server_error' : 'invalid_request_error'
}

/** Hex of a digest, for ids and tokens that must be the same each time the same portal is made. */
export function stableHex(text: string, length = 32): string {
  return createHash('sha256').update(text).digest('hex').slice(0, length)
}
