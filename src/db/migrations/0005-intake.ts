import type { Migration } from '../migrate.ts'

/**
 * See accept-calls.ts. Takes in those of the calls that nobody has told of and nobody has erased, with their runs, first steps and
 * deliveries: one round trip and one commit for a batch, however many they are. Names are looked up in the statement that claims them,
 * so that an erasure is seen either before, by the names, or after, by its tombstones. Fails (40001) where a name is claimed by another
 * between look and claim. Plans as in migration 3.
 */
const acceptNew = `create function callsift.accept_new(p_calls jsonb, p_workflow text, p_step text, p_queue text, p_family text, p_told text[])
  returns table (place integer, call_id bigint, run_id bigint)
  language plpgsql set plan_cache_mode to force_generic_plan set enable_seqscan to off set enable_bitmapscan to off set jit to off as $$
  #variable_conflict use_column
  declare
    taken jsonb;
    wanted bigint;
    claimed bigint;
  begin
    with fresh as materialized (
      select t.*, nextval('callsift.calls_id_seq') as id, nextval('callsift.runs_id_seq') as run_id
      from jsonb_to_recordset(p_calls) as t (place integer, names text[], digests text[], portal_id text, call_ref text, activity_id text,
        direction text, phone text, line text, user_id text, duration_s integer, started_at timestamptz, source text,
        entity_type_id integer, entity_id text, upload_id bigint, recording_url text, dry_run boolean, event text, masked jsonb,
        priority smallint, input jsonb)
      where not exists (select 1 from callsift.call_identities i where i.identity = any(t.names))
        and not exists (select 1 from callsift.tombstones b where b.digest = any(t.digests))
    ), claims as (
      insert into callsift.call_identities (identity, call_id)
      select n, f.id from fresh f, unnest(f.names) n order by n on conflict (identity) do nothing returning identity
    ), runs as (
      insert into callsift.runs (id, workflow, key, portal_id, priority, input) overriding system value
      select f.run_id, p_workflow, f.names[1], f.portal_id, f.priority, f.input || jsonb_build_object('callId', f.id::text) from fresh f
    ), steps as (
      insert into callsift.steps (run_id, generation, name, index, queue, portal_id, family, priority)
      select f.run_id, 1, p_step, 0, p_queue, f.portal_id, p_family, f.priority from fresh f
    ), calls as (
      insert into callsift.calls (id, portal_id, run_id, call_ref, activity_id, direction, phone, line, user_id, duration_s, started_at,
        source, entity_type_id, entity_id, upload_id, recording_url, dry_run) overriding system value
      select f.id, f.portal_id, f.run_id, f.call_ref, f.activity_id, f.direction, f.phone, f.line, f.user_id, f.duration_s, f.started_at,
        f.source, f.entity_type_id, f.entity_id, f.upload_id, f.recording_url, f.dry_run from fresh f
    ), inbox as (
      insert into callsift.inbox (portal_id, source, event, outcome, call_id, masked)
      select f.portal_id, f.source, f.event, 'accepted', f.id, f.masked from fresh f
    )
    select jsonb_agg(jsonb_build_object('place', f.place, 'id', f.id, 'run_id', f.run_id)), sum(cardinality(f.names)),
      (select count(*) from claims)
    into taken, wanted, claimed from fresh f;
    if wanted is null then return; end if;
    if claimed < wanted then raise exception 'a call was told of by two at once' using errcode = '40001'; end if;
    -- Last, since all deliveries of a portal would wait for its row; and in one order.
    update callsift.portals set last_event_at = clock_timestamp() where id in (
      select p.id from callsift.portals p where p.id = any(p_told)
        and (p.last_event_at is null or p.last_event_at < clock_timestamp() - interval '10 seconds')
      order by p.id for update);
    return query select t.place, t.id, t.run_id from jsonb_to_recordset(taken) as t (place integer, id bigint, run_id bigint);
  end $$`

/** And an index for the pruning of deliveries that told of a known call: a sender that repeats itself must not fill the record. */
export const intake: Migration = {
  level: 5,
  oldestProgram: 1,
  statements: [acceptNew, `create index inbox_again on callsift.inbox (portal_id, id) where outcome = 'duplicate'`],
}
