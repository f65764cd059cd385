import type { Migration } from '../migrate.ts'

/**
 * Who may look and act, what was decided about causes and verdicts, and retries of many calls at once. New tables, columns with defaults
 * and indexes: an older program goes on beside it, but would take every token for one with full rights.
 */
export const dashboard: Migration = {
  level: 7,
  oldestProgram: 1,
  statements: [
    `alter table callsift.tokens add column role text not null default 'admin', add column expires_at timestamptz`,
    `create table callsift.users (
      id bigint generated always as identity primary key,
      name text not null,
      role text not null,
      password text,
      created_at timestamptz not null default now(),
      last_login_at timestamptz
    )`,
    `create unique index users_name on callsift.users (lower(name))`,
    `create table callsift.sessions (
      digest text primary key,
      user_id bigint not null references callsift.users (id) on delete cascade,
      created_at timestamptz not null default now(),
      seen_at timestamptz not null default now()
    )`,
    `create index sessions_user on callsift.sessions (user_id)`,
    `create table callsift.login_links (
      digest text primary key,
      user_id bigint not null references callsift.users (id) on delete cascade,
      expires_at timestamptz not null
    )`,
    `create index login_links_user on callsift.login_links (user_id)`,
    `create table callsift.cause_marks (
      class text primary key,
      state text not null,
      at timestamptz not null default now(),
      until timestamptz,
      actor text not null
    )`,
    `create table callsift.bulk_retries (
      id bigint generated always as identity primary key,
      actor text not null,
      reason text,
      filter jsonb not null,
      from_step text,
      total integer not null,
      created_at timestamptz not null default now(),
      finished_at timestamptz
    )`,
    `create index bulk_retries_open on callsift.bulk_retries (id) where finished_at is null`,
    `create table callsift.bulk_retry_calls (
      bulk_id bigint not null references callsift.bulk_retries (id) on delete cascade,
      call_id bigint not null,
      outcome text,
      primary key (bulk_id, call_id)
    )`,
    `create index bulk_retry_calls_open on callsift.bulk_retry_calls (bulk_id, call_id) where outcome is null`,
    `create index bulk_retry_calls_call on callsift.bulk_retry_calls (call_id)`,
    `create table callsift.idempotency (
      actor text not null,
      action text not null,
      key text not null,
      digest text not null,
      answer jsonb,
      created_at timestamptz not null default now(),
      primary key (actor, action, key)
    )`,
    `create index idempotency_created on callsift.idempotency (created_at)`,
    `create table callsift.reviews (
      id bigint generated always as identity primary key,
      call_id bigint not null,
      generation integer not null,
      decision text not null,
      quality text,
      score integer,
      reason text,
      model_verdict jsonb not null,
      actor text not null,
      at timestamptz not null default now()
    )`,
    `create index reviews_call on callsift.reviews (call_id, generation)`,
    // What people look for. Each holds rows of one step only, so that the others pay nothing for it.
    `create index steps_quality on callsift.steps ((output->>'quality'), run_id) where name = 'classifyLead' and state = 'done'`,
    `create index steps_doubtful on callsift.steps (run_id) where name = 'classifyLead' and state = 'done' and output->'doubts' <> '[]'::jsonb`,
    `create index steps_entity on callsift.steps ((output->'entity'->>'id')) where name = 'locateRecording' and state = 'done'`,
    `create index calls_created on callsift.calls (created_at)`,
    `create index effects_written on callsift.effects (written_at) where state = 'written'`,
    `create index audit_subject on callsift.audit (subject)`,
  ],
}
