import type { Failure } from './errors.ts'

/**
 * One row of the error table. Rows are looked up by code and HTTP status, then by code, then by status.
 * `envelope` records where the code is documented; either envelope is accepted on every route.
 */
export interface ErrorRow {
  /** Lower case; null is the row of a bare HTTP status. */
  readonly code: string | null
  /** The status the row holds for; null holds for any. */
  readonly http: number | null
  readonly envelope: 'openai' | 'v1' | 'rest' | 'any'
  readonly class: string
  readonly outcome: Failure['outcome']
  readonly scope: Failure['scope']
  readonly needsPerson?: true
  /** Nothing closes, but of this one a person must mend something before a repetition can help. */
  readonly fix?: true
  readonly doubt?: true
  readonly maxAttempts?: number
  /** The wait when the answer names none, in ms. */
  readonly waitMs?: number
}

type Envelope = ErrorRow['envelope']
type Traits = Partial<Pick<ErrorRow, 'needsPerson' | 'fix' | 'doubt' | 'maxAttempts' | 'waitMs'>>

function rows(
  envelope: Envelope,
  http: number | null,
  codes: readonly (string | null)[],
  failureClass: string,
  outcome: Failure['outcome'],
  scope: Failure['scope'],
  traits: Traits = {},
): ErrorRow[] {
  return codes.map((code) => ({ code, http, envelope, class: failureClass, outcome, scope, ...traits }))
}

/** Short form for codes whose class is their own name. */
function named(
  envelope: Envelope,
  http: number | null,
  codes: readonly string[],
  outcome: Failure['outcome'],
  scope: Failure['scope'],
  traits: Traits = {},
): ErrorRow[] {
  return codes.flatMap((code) => rows(envelope, http, [code], code, outcome, scope, traits))
}

const person = { needsPerson: true } as const
const fix = { fix: true } as const
const doubtful = { doubt: true } as const

/** The one table: client, router, engine and pages read failures by it. */
export const errorTable: readonly ErrorRow[] = [
  // 429: always "not now", whatever the code; the whole key waits.
  ...rows('any', 429, [null, 'rate_limited', 'rate_limit_exceeded'], 'rate_limited', 'later', 'key'),
  ...rows('v1', 429, ['error_loop_detected'], 'error_loop', 'later', 'key', { waitMs: 60_000 }),
  ...rows('rest', 429, ['operation_time_limit'], 'operation_time_limit', 'later', 'key', { waitMs: 60_000 }),
  // The timeline page documents the loop breaker as 502: it refused before doing anything.
  ...rows('v1', 502, ['error_loop_detected'], 'error_loop', 'later', 'key', { waitMs: 60_000 }),
  ...rows('v1', 504, ['queue_timeout'], 'queue_timeout', 'later', 'none', { waitMs: 10_000 }),
  ...rows('rest', 503, ['query_limit_exceeded'], 'portal_limit', 'later', 'family', { waitMs: 2_000 }),
  ...rows('rest', 503, ['overload_limit', 'overload'], 'portal_overload', 'later', 'family', { waitMs: 60_000 }),

  // Keys. Matched on any status: gateways disagree about 401 and 403 for them.
  ...named('any', null, ['missing_api_key', 'invalid_api_key', 'invalid_app_key'], 'permanent', 'family', person),
  ...rows('v1', null, ['key_inactive', 'key_revoked'], 'key_revoked', 'permanent', 'family', person),
  ...rows('v1', null, ['key_expired'], 'key_expired', 'permanent', 'family', person),
  ...named(
    'v1',
    null,
    ['token_missing', 'token_expired', 'token_refresh_failed', 'wrong_key_type', 'auth_required'],
    'permanent',
    'family',
    person,
  ),
  ...rows(
    'rest',
    null,
    ['expired_token', 'no_auth_found', 'invalid_credentials'],
    'unauthorized',
    'permanent',
    'family',
    person,
  ),
  ...rows('any', 401, [null], 'unauthorized', 'permanent', 'family', person),

  // Money: an empty balance closes the model on the key, a frozen account all of the family.
  ...named('openai', 402, ['insufficient_balance', 'ai_credentials_not_configured'], 'permanent', 'model', person),
  ...named(
    'v1',
    402,
    ['billing_exhausted', 'account_frozen', 'commercial_plan_required'],
    'permanent',
    'family',
    person,
  ),
  ...rows('any', 402, [null], 'payment_required', 'permanent', 'model', person),

  // Rights: of the key (family) or on the one entity.
  ...rows(
    'any',
    403,
    ['scope_missing', 'scope_denied', 'scope_not_allowed', 'insufficient_scope'],
    'scope_missing',
    'permanent',
    'family',
    person,
  ),
  ...named('v1', 403, ['ip_not_allowed'], 'permanent', 'family', person),
  ...rows(
    'any',
    403,
    [null, 'bitrix_access_denied', 'access_denied', 'user_access_error'],
    'access_denied',
    'permanent',
    'entity',
    fix,
  ),
  ...named(
    'v1',
    403,
    [
      'cross_app_delete_forbidden',
      'write_blocked_readonly_key',
      'oauth_required',
      'waitlist_pending',
      'management_key_no_entity_access',
    ],
    'permanent',
    'entity',
    fix,
  ),

  // What was asked is wrong; repeating it changes nothing.
  ...rows(
    'v1',
    404,
    ['entity_not_found', 'not_found', 'note_not_found', 'owner_not_found'],
    'not_found',
    'permanent',
    'entity',
    fix,
  ),
  ...named('openai', 404, ['ai_model_not_found', 'provider_not_found'], 'permanent', 'none', fix),
  ...rows('any', 404, [null], 'not_found', 'permanent', 'entity', fix),
  ...named(
    'openai',
    400,
    ['no_default_model', 'invalid_image_payload', 'invalid_language', 'no_file', 'empty_file'],
    'permanent',
    'none',
  ),
  ...named('v1', 400, ['base_url_invalid', 'base_url_private', 'not_custom_provider'], 'permanent', 'none'),
  ...rows(
    'any',
    400,
    [null, 'invalid_request', 'invalid_params', 'missing_params', 'validation_error'],
    'invalid_request',
    'permanent',
    'none',
  ),
  ...rows('any', 405, [null], 'method_not_allowed', 'permanent', 'none'),
  ...rows('any', 408, [null], 'timeout', 'retry', 'none', doubtful),
  ...rows('any', 409, [null, 'conflict', 'already_exists'], 'conflict', 'permanent', 'none'),
  ...rows('any', 413, [null], 'too_large', 'permanent', 'none'),
  ...rows('v1', 422, ['bitrix_error'], 'bitrix_error', 'permanent', 'entity'),
  ...rows('any', 422, ['credential_invalid'], 'credential_invalid', 'permanent', 'none'),
  ...rows('any', 422, [null], 'unprocessable', 'permanent', 'none'),

  // The upstream's own trouble. It may have applied a write before it failed.
  ...rows('any', 500, [null, 'internal_error', 'internal_server_error'], 'internal_error', 'retry', 'none', {
    doubt: true,
    maxAttempts: 2,
  }),
  ...rows('v1', 502, ['bitrix_unavailable'], 'bitrix_unavailable', 'retry', 'none', doubtful),
  ...rows('openai', 502, ['ai_provider_unavailable'], 'ai_provider_unavailable', 'retry', 'none', doubtful),
  ...rows('any', 502, [null], 'bad_gateway', 'retry', 'none', doubtful),
  ...rows('openai', 503, ['model_unavailable'], 'model_unavailable', 'permanent', 'none'),
  ...rows('any', 503, [null], 'service_unavailable', 'retry', 'none', doubtful),
  ...rows('openai', 504, ['ai_provider_timeout'], 'ai_provider_timeout', 'retry', 'none', doubtful),
  ...rows('any', 504, [null], 'gateway_timeout', 'retry', 'none', doubtful),
]

const byCode = new Map<string, ErrorRow>()
/** For a 2xx that says it failed: the code's first row, since the status says nothing. */
const byCodeAlone = new Map<string, ErrorRow>()
const byStatus = new Map<number, ErrorRow>()
for (const row of errorTable) {
  if (row.code !== null) {
    byCode.set(`${row.code} ${row.http ?? '*'}`, row)
    if (!byCodeAlone.has(row.code)) byCodeAlone.set(row.code, row)
  } else if (row.http !== null) byStatus.set(row.http, row)
}

/** The row of a failed answer. `code` may be in any case; an unknown one falls back on the HTTP status. */
export function findErrorRow(status: number, code: string | undefined): ErrorRow {
  const lowered = code?.trim().toLowerCase()
  if (lowered !== undefined && lowered !== '') {
    const row = byCode.get(`${lowered} ${status}`) ?? (status === 429 ? undefined : byCode.get(`${lowered} *`))
    if (row !== undefined) return row
    const alone = status < 300 ? byCodeAlone.get(lowered) : undefined
    if (alone !== undefined) return alone
    if (status === 402 && lowered.startsWith('trial_')) {
      return {
        code: lowered,
        http: 402,
        envelope: 'v1',
        class: 'trial_ended',
        outcome: 'permanent',
        scope: 'family',
        needsPerson: true,
      }
    }
  }
  const fallback = byStatus.get(status)
  if (fallback !== undefined) return fallback
  const base = { code: null, http: status, envelope: 'any', scope: 'none' } as const
  if (status >= 500) return { ...base, class: 'server_error', outcome: 'retry', doubt: true, maxAttempts: 2 }
  if (status >= 400) return { ...base, class: 'client_error', outcome: 'permanent' }
  // A redirect or a 2xx that holds no answer: nothing is followed, nothing is believed, and a write may have been applied.
  return { ...base, class: 'bad_upstream', outcome: 'retry', doubt: true, maxAttempts: 3 }
}
