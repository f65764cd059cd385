import type { Migration } from '../migrate.ts'

/** What somebody was told of, and what was spent. New tables and a column with a default: an older program goes on beside it. */
export const alertsAndSpend: Migration = {
  level: 2,
  oldestProgram: 1,
  statements: [
    `create table callsift.alerts (
      id bigint generated always as identity primary key,
      cause text not null,
      kind text not null,
      portal_ids text[] not null default '{}',
      sentence text not null,
      mend text not null,
      opened_at timestamptz not null default now(),
      seen_at timestamptz not null default now(),
      recovered_at timestamptz
    )`,
    // One standing alert a cause, whoever decides.
    `create unique index alerts_standing on callsift.alerts (cause) where recovered_at is null`,
    `create table callsift.alert_messages (
      alert_id bigint not null references callsift.alerts (id) on delete cascade,
      phase text not null,
      channel text not null,
      sentence text not null,
      mend text not null,
      tries integer not null default 0,
      due_at timestamptz not null default now(),
      notified_at timestamptz,
      last_answer text,
      primary key (alert_id, phase, channel)
    )`,
    `create index alert_messages_due on callsift.alert_messages (due_at) where notified_at is null`,
    `create table callsift.spend (
      portal_id text not null,
      period text not null,
      used_ms bigint not null default 0,
      used_micros bigint not null default 0,
      reserved_ms bigint not null default 0,
      reserved_micros bigint not null default 0,
      primary key (portal_id, period)
    )`,
    `create table callsift.spend_items (
      key text primary key,
      portal_id text not null,
      day text not null,
      month text not null,
      kind text not null,
      state text not null,
      speech_ms bigint not null,
      micros bigint not null,
      created_at timestamptz not null default now(),
      settled_at timestamptz
    )`,
    `create index spend_items_created on callsift.spend_items (created_at)`,
    `create index spend_items_reserved on callsift.spend_items (key) where state = 'reserved'`,
    `alter table callsift.portals add column reconcile_found integer not null default 0`,
  ],
}
