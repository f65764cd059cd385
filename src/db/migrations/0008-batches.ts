import type { Migration } from '../migrate.ts'

/**
 * What leads were judged as, and when runs begin by themselves. An older program goes on beside it: it leaves runs that it does not
 * know to a newer one, and begins none by itself.
 */
export const batches: Migration = {
  level: 8,
  oldestProgram: 1,
  statements: [
    `create table callsift.lead_scores (
      portal_id text not null,
      lead_id bigint not null,
      seen_hash text not null,
      rubric text not null,
      quality text not null,
      score integer not null,
      reason text,
      written boolean not null,
      run_id bigint not null,
      scored_at timestamptz not null default now(),
      primary key (portal_id, lead_id)
    )`,
    `create index runs_open_children on callsift.runs (parent_step_id) where parent_step_id is not null and state = 'running'`,
    // A lead's last verdict is looked for by the lead.
    `create index steps_located_lead on callsift.steps (portal_id, ((output->'entity'->>'id')))
      where name = 'locateRecording' and output->'entity'->>'typeId' = '1'`,
    `alter table callsift.schedules add column portal_id text, add column workflow text, add column cron text,
      add column time_zone text, add column input jsonb, add column paused boolean not null default false`,
  ],
}
