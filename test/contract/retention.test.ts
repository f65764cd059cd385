import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sweepByAge } from '../../workers/retention.ts'
import { type Program, startProgram } from '../support/program.ts'

let on: Program
beforeAll(async () => {
  on = await startProgram({ work: false })
})
afterAll(() => on.close())

/** A run that ended (or not) so many days ago, with a transcript, an upload and a delivery of that day. */
async function lived(name: string, days: number, state: string): Promise<string> {
  const { callId, runId } = await on.app.intake.accept({ portalId: 'acme', source: 'event', callRef: name, masked: {} })
  const upload = await sql<{ id: string }>`insert into callsift.uploads (portal_id, sha256, bytes, created_at)
    values ('acme', ${name}, 1, now() - ${days} * interval '1 day') returning id`.execute(on.app.db)
  await sql`update callsift.calls set upload_id = ${upload.rows[0]?.id} where id = ${callId}`.execute(on.app.db)
  await sql`update callsift.inbox set received_at = now() - ${days} * interval '1 day' where call_id = ${callId}`.execute(
    on.app.db,
  )
  await sql`update callsift.runs set state = ${state}, updated_at = now() - ${days} * interval '1 day' where id = ${runId}`.execute(
    on.app.db,
  )
  await sql`insert into callsift.steps (run_id, generation, name, queue, portal_id, family, state, input_hash, output)
    values (${runId}, 1, 'transcribePart', 'transcribe', 'acme', 'ai', 'done', ${`hash ${name}`}, '{"pieces":["said once"]}'),
      (${runId}, 1, 'classifyLead', 'classify', 'acme', 'ai', 'done', ${`judged ${name}`}, '{"score":50}')`.execute(
    on.app.db,
  )
  return runId
}

async function sweep(keepDays: { deliveries: number; transcripts: number; uploads: number }) {
  const removed: Record<string, number> = {}
  await sweepByAge({
    db: on.app.db,
    keepDays,
    onRemoved: (what, rows) => (removed[what] = (removed[what] ?? 0) + rows),
  })
  return removed
}

const textOf = async (runId: string) => {
  const rows = await sql<{
    text: string
    hash: string | null
  }>`select output->'pieces'->>0 as text, input_hash as hash from callsift.steps
    where run_id = ${runId} and name = 'transcribePart'`.execute(on.app.db)
  return rows.rows[0]
}

test('what is older than it may be kept goes, what is younger or still needed stays', async () => {
  const old = await lived('old', 40, 'done')
  const parked = await lived('parked', 40, 'parked')
  const young = await lived('young', 20, 'done')
  const [parent] = (
    await sql<{ id: string }>`select id from callsift.steps where run_id = ${old} limit 1`.execute(on.app.db)
  ).rows
  for (const [key, days] of [
    ['old lead', 40],
    ['young lead', 20],
  ] as const) {
    await sql`insert into callsift.runs (workflow, key, portal_id, state, input, parent_step_id, updated_at)
      values ('scoreLead', ${key}, 'acme', 'done', '{}', ${parent?.id}, now() - ${days} * interval '1 day')`.execute(
      on.app.db,
    )
    await sql`insert into callsift.lead_scores (portal_id, lead_id, seen_hash, rubric, quality, score, reason, written, run_id, scored_at)
      values ('acme', ${days}, 'seen', 'lead@1', 'high', 90, ${key}, true, 1, now() - ${days} * interval '1 day')`.execute(
      on.app.db,
    )
  }
  expect(await sweep({ deliveries: 0, transcripts: 0, uploads: 0 })).toEqual({ 'chat messages': 0, uploads: 0 })
  expect(await sweep({ deliveries: 30, transcripts: 30, uploads: 30 })).toEqual({
    deliveries: 2,
    transcripts: 1,
    'chat messages': 0,
    'batch runs': 1,
    'lead reasons': 1,
    uploads: 1,
  })
  // The score and what was seen stay, or the lead would be paid for again.
  const scores = await sql`select reason, score, seen_hash from callsift.lead_scores order by lead_id`.execute(
    on.app.db,
  )
  expect(scores.rows).toEqual([
    { reason: 'young lead', score: 90, seen_hash: 'seen' },
    { reason: null, score: 90, seen_hash: 'seen' },
  ])
  // Without its hash no later run takes the empty page for the transcript.
  expect(await textOf(old)).toEqual({ text: null, hash: null })
  expect(await textOf(parked)).toEqual({ text: 'said once', hash: 'hash parked' })
  expect(await textOf(young)).toEqual({ text: 'said once', hash: 'hash young' })
  const verdicts =
    await sql`select 1 from callsift.steps where name = 'classifyLead' and output->>'score' = '50'`.execute(on.app.db)
  expect(verdicts.rows).toHaveLength(3)
  expect(await sweep({ deliveries: 30, transcripts: 30, uploads: 30 })).toEqual({
    deliveries: 0,
    transcripts: 0,
    'chat messages': 0,
    'batch runs': 0,
    'lead reasons': 0,
    uploads: 0,
  })
})

test('many rows go in batches', async () => {
  await sql`insert into callsift.inbox (received_at, source, outcome) select now() - interval '100 days', 'event', 'ignored'
    from generate_series(1, 1300)`.execute(on.app.db)
  expect(await sweep({ deliveries: 90, transcripts: 0, uploads: 0 })).toMatchObject({ deliveries: 1300 })
})

test('the sweep is counted', async () => {
  on.app.meters.removed('transcripts', 2)
  expect(await on.app.meters.registry.metrics()).toContain('callsift_removed_by_age_total{what="transcripts"} 2')
})
