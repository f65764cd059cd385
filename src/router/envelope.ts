import type { RouterError } from './router-error.ts'

/** `openai`: as the SDKs read it; `v1`: of the routes under /v1/ai that have no counterpart at OpenAI. */
export type Envelope = 'openai' | 'v1'

function typeOf(status: number): string {
  if (status === 402) return 'insufficient_quota'
  if (status === 503) return 'service_unavailable'
  return status >= 500 ? 'server_error' : 'invalid_request_error'
}

/** The body of a refusal. `param` is null where nothing is named: OpenAI's schema wants all four keys. */
export function errorBody(error: RouterError, envelope: Envelope): Record<string, unknown> {
  const { message, code } = error
  if (envelope === 'v1') return { success: false, error: { code, message } }
  return { error: { message, type: typeOf(error.status), param: error.param, code } }
}
