import type { Migration } from '../migrate.ts'

/**
 * What the AI Router keeps: its own keys as digests, the providers' keys sealed, models added by hand, and counts of use. No prompt,
 * no answer and no recording is ever stored. New tables only: an older program goes on beside it.
 */
export const router: Migration = {
  level: 9,
  oldestProgram: 1,
  statements: [
    `create table callsift.router_keys (
      id bigint generated always as identity primary key,
      tenant text not null,
      name text not null,
      digest text not null unique,
      last4 text not null,
      scopes text[] not null default '{vibe:ai}',
      per_second integer,
      tokens_per_day bigint,
      budget_micros bigint,
      expires_at timestamptz,
      created_at timestamptz not null default now(),
      revoked_at timestamptz
    )`,
    `create table callsift.router_credentials (
      id uuid primary key,
      tenant text not null,
      provider text not null,
      label text not null,
      base_url text not null default '',
      key_sealed text,
      last4 text not null default '',
      state text not null default 'valid',
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      unique (tenant, provider, base_url)
    )`,
    `create table callsift.router_models (
      id uuid primary key,
      credential_id uuid not null references callsift.router_credentials (id) on delete cascade,
      model text not null,
      kind text not null,
      context_length integer,
      input_micros bigint not null default 0,
      output_micros bigint not null default 0,
      minute_micros bigint not null default 0,
      created_at timestamptz not null default now(),
      unique (credential_id, model)
    )`,
    // By day, not by request: a row a request would be a diary of people's work.
    `create table callsift.router_usage (
      day date not null,
      key_id bigint not null,
      credential_id text not null,
      model text not null,
      requests bigint not null default 0,
      estimated bigint not null default 0,
      prompt_tokens bigint not null default 0,
      completion_tokens bigint not null default 0,
      audio_ms bigint not null default 0,
      cost_micros bigint not null default 0,
      primary key (key_id, day, credential_id, model)
    )`,
    'create index router_usage_credential on callsift.router_usage (credential_id, day)',
  ],
}
