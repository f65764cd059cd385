import { sql } from 'kysely'
import type { Database } from '../../src/db/connect.ts'

/**
 * Many calls as the program would have left them, made by the database itself: all steps and attempts, transcripts and verdicts, an
 * entry for each that is done; of every `calls / failures` one parked at the judge for one of five reasons.
 */
export async function seedCalls(
  db: Database,
  portalId: string,
  amount: { calls: number; failures: number },
): Promise<void> {
  const batch = 5_000
  const every = Math.floor(amount.calls / amount.failures)
  for (let from = 0; from < amount.calls; from += batch) {
    const count = Math.min(batch, amount.calls - from)
    await db.transaction().execute(async (trx) => {
      await sql`create temporary table seeded on commit drop as
        select ${from}::int + n as n, (${from}::int + n) % ${every}::int = 0 as failed,
          now() - ((${amount.calls}::int - ${from}::int - n) * interval '20 seconds') as at
        from generate_series(1, ${count}::int) n`.execute(trx)
      await sql`insert into callsift.runs (workflow, key, portal_id, state, class, input, created_at, updated_at, finished_at)
        select 'call', 'seeded ' || n, ${portalId}, case when failed then 'parked' else 'done' end,
          case when failed then (array['exhausted', 'invalid_request', 'access_denied', 'bad_model_output', 'too_long'])[1 + n / ${every}::int % 5] end,
          '{}', at, at + interval '20 seconds', case when failed then null else at + interval '20 seconds' end from seeded`.execute(
        trx,
      )
      await sql`insert into callsift.calls (portal_id, run_id, call_ref, activity_id, direction, phone, duration_s, started_at, source, created_at)
        select ${portalId}, r.id, 'externalCall.seed.' || s.n, (900000 + s.n)::text, case when s.n % 2 = 0 then 'in' else 'out' end,
          '+7495' || lpad(s.n::text, 7, '0'), 30 + s.n % 600, s.at, 'event', s.at
        from seeded s join callsift.runs r on r.key = 'seeded ' || s.n`.execute(trx)
      await sql`insert into callsift.steps (run_id, generation, name, queue, portal_id, family, state, due_at, fence, output, class,
          message, hint, policy, created_at, finished_at)
        select r.id, 1, p.name, p.queue, ${portalId}, p.family, case when s.failed and p.place = 5 then 'parked' else 'done' end, s.at,
          1 + (s.n % 3), case when s.failed and p.place = 5 then null else
            case p.name when 'locateRecording' then jsonb_build_object('ended', null, 'entity', jsonb_build_object('typeId', 2, 'id', 1000 + s.n % 5000))
            when 'planAudio' then jsonb_build_object('heardSeconds', 30 + s.n % 600, 'durationSeconds', 30 + s.n % 600, 'parts', '[]'::jsonb)
            when 'mergeTranscript' then jsonb_build_object('segments', jsonb_build_array(jsonb_build_object('speaker', 'agent', 'start', 0, 'end', 4, 'text', repeat('word ', 100))))
            when 'classifyLead' then jsonb_build_object('quality', (array['high', 'medium', 'low'])[1 + s.n % 3], 'score', s.n % 101, 'reason', 'Asked for fifty users.',
              'doubts', case when s.n % 500 = 0 then '["the reason quotes nothing that was said"]'::jsonb else '[]'::jsonb end, 'usage', jsonb_build_object('promptTokens', 400, 'completionTokens', 90))
            when 'writeTimeline' then '{"state": "written"}'::jsonb else '{}'::jsonb end end,
          case when s.failed and p.place = 5 then r.class end, case when s.failed and p.place = 5 then 'It failed.' end, null,
          case when s.failed and p.place = 5 then 'manual' end, s.at + p.place * interval '3 seconds', s.at + (p.place + 1) * interval '3 seconds'
        from seeded s join callsift.runs r on r.key = 'seeded ' || s.n
        cross join (values (1, 'locateRecording', 'locate', 'portal'), (2, 'planAudio', 'plan', 'portal'), (3, 'transcribePart', 'transcribe', 'ai'),
          (4, 'mergeTranscript', 'classify', 'none'), (5, 'classifyLead', 'classify', 'ai'), (6, 'writeTimeline', 'timeline', 'crm')) p (place, name, queue, family)
        where not s.failed or p.place <= 5`.execute(trx)
      await sql`insert into callsift.attempts (step_id, fence, worker_id, started_at, finished_at, outcome, class, http_status, request_id)
        select t.id, t.fence, 'seeded', t.created_at, t.finished_at, case when t.state = 'parked' then 'retry' else 'value' end,
          case when t.state = 'parked' then coalesce(nullif(t.class, 'exhausted'), 'ai_provider_unavailable') end,
          case when t.state = 'parked' then 502 end, 'req-' || t.id
        from seeded s join callsift.runs r on r.key = 'seeded ' || s.n join callsift.steps t on t.run_id = r.id`.execute(
        trx,
      )
      await sql`insert into callsift.effects (key, kind, intent_no, run_id, step_id, portal_id, state, marker, target, sent_at, written_at, external_id)
        select 'seeded ' || s.n, 'timeline', 1, r.id, 0, ${portalId}, 'written', 'ref', '{}', s.at, s.at + interval '20 seconds', s.n::text
        from seeded s join callsift.runs r on r.key = 'seeded ' || s.n where not s.failed`.execute(trx)
    })
  }
  for (const table of ['calls', 'runs', 'steps', 'attempts', 'effects'])
    await sql.raw(`analyze callsift.${table}`).execute(db)
}
