import { sql } from 'kysely'
import type { Queryable } from './connect.ts'

/** What was used, in sums: by day (UTC), key, credential and model. */
export interface RouterUsage {
  /** `2026-11-26` */
  readonly day: string
  readonly keyId: string
  readonly credentialId: string
  readonly model: string
  readonly requests: number
  /** Of these, how many were counted by us, because the stream was cut before the provider said. */
  readonly estimated: number
  readonly promptTokens: number
  readonly completionTokens: number
  readonly audioMs: number
  readonly costMicros: number
}

/** Adds many sums in one statement; whoever else adds to the same rows is not lost. */
export async function addRouterUsage(db: Queryable, rows: readonly RouterUsage[]): Promise<void> {
  if (rows.length === 0) return
  await sql`insert into callsift.router_usage as u (day, key_id, credential_id, model, requests, estimated, prompt_tokens,
      completion_tokens, audio_ms, cost_micros)
    select day, "keyId", "credentialId", model, requests, estimated, "promptTokens", "completionTokens", "audioMs", "costMicros"
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as t (day date, "keyId" bigint, "credentialId" text, model text,
      requests bigint, estimated bigint, "promptTokens" bigint, "completionTokens" bigint, "audioMs" bigint, "costMicros" bigint)
    order by "keyId", day, "credentialId", model
    on conflict (key_id, day, credential_id, model) do update set requests = u.requests + excluded.requests,
      estimated = u.estimated + excluded.estimated, prompt_tokens = u.prompt_tokens + excluded.prompt_tokens,
      completion_tokens = u.completion_tokens + excluded.completion_tokens, audio_ms = u.audio_ms + excluded.audio_ms,
      cost_micros = u.cost_micros + excluded.cost_micros`.execute(db)
}

/** Rows from `since` (a day) on, of one key, of one credential, or of all. */
export async function listRouterUsage(
  db: Queryable,
  wanted: { since: string; keyId?: string | undefined; credentialId?: string | undefined },
): Promise<RouterUsage[]> {
  const { since, keyId = null, credentialId = null } = wanted
  return (
    await sql<RouterUsage>`select day::text, key_id::text as "keyId", credential_id as "credentialId", model,
      requests::float8, estimated::float8, prompt_tokens::float8 as "promptTokens", completion_tokens::float8 as "completionTokens",
      audio_ms::float8 as "audioMs", cost_micros::float8 as "costMicros"
    from callsift.router_usage where day >= ${since}::date and (${keyId}::bigint is null or key_id = ${keyId}::bigint)
      and (${credentialId}::text is null or credential_id = ${credentialId}) order by day, key_id, model, credential_id`.execute(
      db,
    )
  ).rows
}

/** What each key has used this day and this calendar month (UTC); keys that used nothing have no row. */
export async function listSpent(
  db: Queryable,
  day: string,
): Promise<{ keyId: string; tokensToday: number; microsThisMonth: number }[]> {
  return (
    await sql<{ keyId: string; tokensToday: number; microsThisMonth: number }>`select key_id::text as "keyId",
      coalesce(sum(prompt_tokens + completion_tokens) filter (where day = ${day}::date), 0)::float8 as "tokensToday",
      sum(cost_micros)::float8 as "microsThisMonth"
    from callsift.router_usage where day >= date_trunc('month', ${day}::date)::date and day <= ${day}::date
    group by key_id`.execute(db)
  ).rows
}

/** What a key has used this day and this calendar month (UTC). */
export async function readSpent(
  db: Queryable,
  keyId: string,
  day: string,
): Promise<{ tokensToday: number; microsThisMonth: number }> {
  const { rows } = await sql<{ tokens: number | null; micros: number | null }>`select
      sum(prompt_tokens + completion_tokens) filter (where day = ${day}::date)::float8 as tokens, sum(cost_micros)::float8 as micros
    from callsift.router_usage where key_id = ${keyId}::bigint and day >= date_trunc('month', ${day}::date)::date
      and day <= ${day}::date`.execute(db)
  return { tokensToday: rows[0]?.tokens ?? 0, microsThisMonth: rows[0]?.micros ?? 0 }
}
