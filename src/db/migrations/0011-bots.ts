import type { Migration } from '../migrate.ts'

/** Chat bots of portals, what is being said to them, and which dialogues a person has taken over. An older program leaves them alone. */
export const bots: Migration = {
  level: 11,
  oldestProgram: 1,
  statements: [
    `create table callsift.bots (
      portal_id text not null,
      bot_id bigint not null,
      code text not null,
      name text not null,
      type text not null,
      enabled boolean not null default true,
      settings jsonb not null default '{}'::jsonb,
      next_offset bigint not null default 0,
      due_at timestamptz not null default now(),
      lease_until timestamptz,
      polled_at timestamptz,
      failures integer not null default 0,
      last_failure text,
      added_at timestamptz not null default now(),
      primary key (portal_id, bot_id)
    )`,
    `create table callsift.bot_messages (
      id bigint generated always as identity primary key,
      portal_id text not null,
      bot_id bigint not null,
      dialog_id text not null,
      message_id bigint not null,
      author text not null,
      user_id bigint not null,
      colleague boolean not null,
      entity jsonb,
      body text not null,
      run_id bigint,
      call_id bigint,
      said_at timestamptz not null default now(),
      unique (portal_id, bot_id, message_id)
    )`,
    `create index bot_messages_dialog on callsift.bot_messages (portal_id, bot_id, dialog_id, id)`,
    `create index bot_messages_user on callsift.bot_messages (portal_id, bot_id, user_id, said_at)`,
    `create index bot_messages_said on callsift.bot_messages (said_at)`,
    `create table callsift.bot_dialogs (
      portal_id text not null,
      bot_id bigint not null,
      dialog_id text not null,
      held_at timestamptz not null default now(),
      primary key (portal_id, bot_id, dialog_id)
    )`,
    // What a colleague's last call was judged as is looked for by the colleague.
    `create index calls_user on callsift.calls (portal_id, user_id, id) where user_id is not null`,
  ],
}
