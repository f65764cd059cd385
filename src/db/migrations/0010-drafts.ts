import type { Migration } from '../migrate.ts'

/**
 * Texts that were drafted for records of the CRM, and by what records were last searched for contact data. New tables only: an older
 * program goes on beside it, and leaves runs that it does not know to a newer one.
 */
export const drafts: Migration = {
  level: 10,
  oldestProgram: 1,
  statements: [
    `create table callsift.drafts (
      id bigint generated always as identity primary key,
      portal_id text not null,
      collection text not null,
      record_id bigint not null,
      record_name text,
      field text not null,
      seen_hash text not null,
      rubric text not null,
      old_text text not null,
      text text not null,
      doubts jsonb not null,
      state text not null,
      note text,
      intent_no integer not null default 0,
      run_id bigint not null unique,
      write_run_id bigint,
      created_at timestamptz not null default now(),
      decided_by text,
      decided_at timestamptz,
      written_at timestamptz
    )`,
    `create index drafts_record on callsift.drafts (portal_id, collection, record_id, id desc)`,
    `create index drafts_waiting on callsift.drafts (id) where state = 'waiting'`,
    `create table callsift.contact_reads (
      portal_id text not null,
      collection text not null,
      record_id bigint not null,
      seen_hash text not null,
      asked_for text[] not null,
      written boolean not null,
      run_id bigint not null,
      read_at timestamptz not null default now(),
      primary key (portal_id, collection, record_id)
    )`,
    // An erasure looks for a number in what was extracted.
    `create index steps_extracted_phone on callsift.steps (right(output->>'phone', 10))
      where name = 'readContact' and output->>'phone' is not null`,
  ],
}
