import type { Migration } from '../migrate.ts'

/**
 * What happens for each step and each request, one round trip each: at a hundred statements a call, round trips and planning were what
 * bound the pipeline. A function's plans are kept by the session. Each statement in a function sees what committed before it began
 * (read committed), so that a count under the run's lock counts what others stored while it waited. Sequential and bitmap scans are
 * off: a plan made while the tables were empty would be kept when they are long. A scan that cannot be helped then looks too dear to the
 * planner, which would compile it each time (jit).
 */
const hot = `language plpgsql set plan_cache_mode to force_generic_plan
  set enable_seqscan to off set enable_bitmapscan to off set jit to off`

/**
 * See claim.ts. One row, or none where the job is stale. `p_known`: by `workflow step`, the earlier steps whose outputs it sees (null = all).
 * `before` is JSON as text: putting outputs together as jsonb would cost more than all the rest.
 */
const claimStep = `create function callsift.claim_step(p_step bigint, p_dispatch integer, p_worker text, p_known jsonb)
  returns table (id bigint, waited_ms float8, run_id bigint, workflow text, key text, input jsonb, run_created_at timestamptz,
    portal_id text, generation integer, name text, index integer, item jsonb, cursor jsonb, fence integer, attempts integer,
    laters integer, alone boolean, before text)
  ${hot} as $$
  #variable_conflict use_column
  declare
    taken callsift.steps;
    run callsift.runs;
    wanted jsonb;
  begin
    update callsift.steps s set state = 'running', fence = s.fence + 1, worker_id = p_worker, gate_passed = (s.family = 'none'),
        blocked_by = null
      where s.id = p_step and s.dispatch_no = p_dispatch and s.state = 'dispatched'
        and exists (select 1 from callsift.workers w where w.id = p_worker)
        and (p_known is null or exists (select 1 from callsift.runs r
          where r.id = s.run_id and p_known ? (r.workflow || ' ' || s.name)))
      returning s.* into taken;
    if not found then return; end if;
    insert into callsift.attempts (step_id, fence, worker_id) values (taken.id, taken.fence, p_worker);
    select r.* into run from callsift.runs r where r.id = taken.run_id;
    wanted := nullif(p_known -> (run.workflow || ' ' || taken.name), 'null');
    return query select taken.id, greatest(0, extract(epoch from clock_timestamp() - taken.due_at)::float8 * 1000), run.id,
      run.workflow, run.key, run.input, run.created_at, taken.portal_id, taken.generation, taken.name, taken.index, taken.item,
      taken.cursor, taken.fence, taken.attempts, taken.laters, taken.alone,
      (select '[' || coalesce(string_agg('{"name":' || to_json(d.name) || ',"index":' || d.index || ',"output":' || coalesce(d.output::text, 'null') || '}',
          ',' order by d.index), '') || ']'
        from callsift.steps d where d.run_id = taken.run_id and d.generation = taken.generation and d.state = 'done'
          and (wanted is null or wanted ? d.name));
  end $$`

/**
 * See finish.ts. Stores a value under the run's lock and creates what follows. 'aside': nothing was done, since more than this has to
 * be decided (a newer generation, a cancelled run, a parent to be joined).
 */
const finishValue = `create function callsift.finish_value(p_step bigint, p_fence integer, p_worker text, p_run bigint,
    p_output jsonb, p_hash text, p_request text, p_next jsonb, p_ends boolean, p_class text, p_joins boolean)
  returns text
  ${hot} as $$
  declare
    run record;
    step record;
  begin
    select r.id, r.generation, r.state, r.portal_id, r.priority, r.parent_step_id into strict run
      from callsift.runs r where r.id = p_run for update;
    select s.state, s.fence, s.worker_id, s.generation, s.name into step from callsift.steps s where s.id = p_step for update;
    if not found or step.state <> 'running' or step.fence <> p_fence or step.worker_id <> p_worker then
      update callsift.attempts a set finished_at = clock_timestamp(), outcome = 'fenced', request_id = p_request
        where a.step_id = p_step and a.fence = p_fence;
      return 'fenced';
    end if;
    if run.generation <> step.generation or run.state = 'cancelled' or (p_ends and run.parent_step_id is not null) then
      return 'aside';
    end if;
    update callsift.attempts a set finished_at = clock_timestamp(), outcome = 'value', class = null, message = null,
        http_status = null, code = null, request_id = p_request
      where a.step_id = p_step and a.fence = p_fence;
    update callsift.steps s set state = 'done', output = p_output, input_hash = p_hash, class = null, message = null, hint = null,
        policy = null, worker_id = null, finished_at = now()
      where s.id = p_step;
    if p_ends then
      update callsift.runs r set state = 'done', class = p_class, finished_at = now(), updated_at = now() where r.id = p_run;
      return 'stored';
    end if;
    update callsift.runs r set updated_at = now() where r.id = p_run;
    if p_joins and exists (select 1 from callsift.steps s where s.run_id = p_run and s.generation = step.generation
        and s.name = step.name and s.state <> 'done') then
      return 'stored';
    end if;
    insert into callsift.steps (run_id, generation, name, index, queue, portal_id, family, priority, item)
      select p_run, step.generation, n.name, n.index, n.queue, run.portal_id, n.family, run.priority, n.item
      from jsonb_to_recordset(p_next) as n (name text, index integer, queue text, family text, item jsonb)
      order by n.index
      on conflict (run_id, generation, name, index) do nothing;
    return 'stored';
  end $$`

/**
 * See permit.ts: a request's slot, its place in the key's pacing, and the attempt's lease. What ended it is given back, except a place
 * in the pacing that was taken before the lease was found lost.
 */
const enter = `create function callsift.enter(p_portal text, p_bytes boolean, p_holder text, p_worker text, p_slot_ms float8,
    p_key text, p_names text[], p_interval_ms float8, p_slack_ms float8, p_wait_ms float8,
    p_step bigint, p_fence integer, p_life_ms float8)
  returns table (kind text, slot integer, wait_ms float8)
  ${hot} as $$
  declare
    taken integer;
    waits float8;
    passed boolean;
  begin
    if p_portal is not null then
      update callsift.slots s set holder = p_holder, worker_id = p_worker,
          lease_until = clock_timestamp() + p_slot_ms * interval '1 millisecond'
        where (s.portal_id, s.n) = (select f.portal_id, f.n from callsift.slots f
          where f.portal_id = p_portal and f.lease_until < clock_timestamp() and (f.n = 0 or not p_bytes)
          order by f.n desc limit 1 for update skip locked)
        returning s.n into taken;
      if taken is null then return query select 'no_slot', null::integer, 0::float8; return; end if;
    end if;
    update callsift.gates g set tat = greatest(g.tat, clock_timestamp()) + p_interval_ms * interval '1 millisecond'
      where g.key_id = p_key and g.name = 'key'
        and g.tat - p_slack_ms * interval '1 millisecond' <= clock_timestamp() + p_wait_ms * interval '1 millisecond'
        and not exists (select 1 from callsift.gates c
          where c.key_id = p_key and c.name = any(p_names) and c.closed_until > clock_timestamp())
      returning extract(epoch from g.tat - clock_timestamp())::float8 * 1000 - p_interval_ms - p_slack_ms into waits;
    if waits is not null then
      waits := greatest(0, waits);
      -- One that has to wait is checked after its wait.
      if p_step is null or waits > 1 then return query select 'passed', taken, waits; return; end if;
      select s.gate_passed into passed from callsift.steps s
        where s.id = p_step and s.fence = p_fence and s.worker_id = p_worker and s.state = 'running'
          and exists (select 1 from callsift.workers w where w.id = p_worker
            and w.heartbeat_at > clock_timestamp() - p_life_ms * interval '1 millisecond');
      if found then
        if not passed then update callsift.steps s set gate_passed = true where s.id = p_step and s.fence = p_fence; end if;
        return query select 'passed', taken, waits;
        return;
      end if;
    end if;
    if taken is not null then
      update callsift.slots s set holder = null, worker_id = null, lease_until = '-infinity'
        where s.portal_id = p_portal and s.n = taken and s.holder = p_holder;
    end if;
    return query select case when waits is null then 'refused' else 'lost' end, null::integer, 0::float8;
  end $$`

/**
 * See dispatch.ts. Takes the dispatchers' lock for the caller's transaction, or says 'busy'; then what may be sent ('due', by portal and
 * family, no more of each than its window) and how much is in flight ('flying').
 */
const lookForDue = `create function callsift.look_for_due(p_families text[], p_sizes integer[], p_queues text[], p_set_aside text)
  returns table (kind text, id bigint, portal_id text, key_id text, family text, priority smallint, flying integer)
  ${hot} as $$
  #variable_conflict use_column
  begin
    if not pg_try_advisory_xact_lock(hashtext('callsift.dispatch')) then
      return query select 'busy', null::bigint, null, null, null, null::smallint, 0;
      return;
    end if;
    return query
      select 'due', c.id, p.id, p.key_id, f.family, c.priority, 0
      from callsift.portals p
      cross join unnest(p_families, p_sizes) f (family, size)
      cross join lateral (
        select s.id, s.priority from callsift.steps s
        where s.state = 'ready' and s.portal_id = p.id and s.family = f.family and s.due_at <= clock_timestamp()
          and s.queue = any(p_queues) and s.class is distinct from p_set_aside
          and (s.blocked_by is null or not exists (select 1 from callsift.gates b
            where b.key_id = p.key_id and b.name = s.blocked_by and b.closed_until > clock_timestamp() and not b.trial))
        order by s.priority, s.due_at, s.id limit f.size
      ) c
      where not exists (select 1 from callsift.gates g
        where g.key_id = p.key_id and g.name in ('key', f.family) and g.closed_until > clock_timestamp() and not g.trial);
    if not found then return; end if;
    return query
      select 'flying', null::bigint, s.portal_id, p.key_id, s.family, 0::smallint, count(*)::integer
      from callsift.steps s join callsift.portals p on p.id = s.portal_id
      where s.state in ('dispatched', 'running') group by s.portal_id, p.key_id, s.family;
  end $$`

/** Functions, and an index for the pruning of deliveries: an older program goes on beside it with the statements it has. */
export const hotPaths: Migration = {
  level: 3,
  oldestProgram: 1,
  statements: [
    claimStep,
    finishValue,
    enter,
    lookForDue,
    `create index inbox_aside on callsift.inbox (portal_id, id) where outcome in ('ignored', 'refused')`,
  ],
}
