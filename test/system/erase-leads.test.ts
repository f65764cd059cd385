import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { callErase } from '../../src/ops/erase.ts'
import { runOperation } from '../../src/ops/operation.ts'
import { type Program, startProgram } from '../support/program.ts'

let on: Program
beforeAll(async () => {
  on = await startProgram({ work: false })
})
afterAll(() => on.close())

test('with a call goes what its lead was scored as, and no other lead', async () => {
  const { db, intake } = on.app
  const { callId, runId } = await intake.accept({ portalId: 'acme', source: 'event', callRef: 'a call', masked: {} })
  await sql`update callsift.steps set state = 'done', output = '{"entity":{"typeId":1,"id":77}}'::jsonb
    where run_id = ${runId} and name = 'locateRecording'`.execute(db)
  for (const leadId of [77, 78]) {
    await sql`insert into callsift.lead_scores (portal_id, lead_id, seen_hash, rubric, quality, score, reason, written, run_id)
      values ('acme', ${leadId}, 'seen', 'lead@1', 'high', 90, 'said in the call', true, 1)`.execute(db)
    await sql`insert into callsift.runs (workflow, key, portal_id, state, input)
      values ('scoreLead', ${`1 ${leadId}`}, 'acme', 'done', ${JSON.stringify({ leadId })}::jsonb)`.execute(db)
  }
  const report = (await runOperation(on.app, callErase, { call: callId }, { actor: 'test', role: 'admin' })) as {
    removed: Record<string, number>
  }
  expect(report.removed).toMatchObject({ calls: 1, leadScores: 1, leadRuns: 1 })
  const left = await sql<{ id: string }>`select lead_id as id from callsift.lead_scores`.execute(db)
  expect(left.rows).toEqual([{ id: '78' }])
  const runs = await sql<{ key: string }>`select key from callsift.runs where workflow = 'scoreLead'`.execute(db)
  expect(runs.rows).toEqual([{ key: '1 78' }])
})
