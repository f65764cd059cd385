import { sql } from 'kysely'
import { findOperation } from '../../src/ops/index.ts'
import { runOperation } from '../../src/ops/operation.ts'
import type { Program } from './program.ts'

export interface ShownBatch<Report> {
  readonly state: string
  readonly class: string | null
  readonly report: Report | null
  readonly runs: { state: string; class: string | null; runs: number }[]
}

/** Runs operations as an administrator, and workflows of one verb to their report. */
export function askBatches<Report>(program: Program, workflow: string) {
  const ask = async <Value>(name: string, input: Record<string, unknown>, role: 'admin' | 'viewer' = 'admin') => {
    const operation = findOperation(name)
    if (operation === undefined) throw new Error(`no operation ${name}`)
    return (await runOperation(program.app, operation, input, { actor: 'test', role })) as Value
  }
  const start = async (portalId: string, input: Record<string, unknown> = {}) =>
    (await ask<{ id: string }>('batch.start', { workflow, portalId, input })).id
  const show = async (id: string) => await ask<ShownBatch<Report>>('batch.show', { id })
  const reported = async (id: string) => await program.until(async () => (await show(id)).report, 50_000)
  return {
    ask,
    start,
    show,
    reported,
    run: async (portalId: string, input: Record<string, unknown> = {}) => await reported(await start(portalId, input)),
    /** As if the worker had died when the step was through, and before it could tell so: the step is taken again. */
    forget: async (stepName: string) => {
      const { db } = program.app
      const steps = await sql<{
        run_id: string
        id: string
      }>`update callsift.steps set state = 'ready', due_at = clock_timestamp(),
        output = null, input_hash = null, finished_at = null where name = ${stepName} and state = 'done'
        and id = (select max(id) from callsift.steps where name = ${stepName}) returning id, run_id`.execute(db)
      const [step] = steps.rows
      if (step === undefined) throw new Error(`no step ${stepName} is done`)
      await sql`delete from callsift.steps where run_id = ${step.run_id} and id > ${step.id}`.execute(db)
      await sql`update callsift.runs set state = 'running', class = null, finished_at = null where id = ${step.run_id}`.execute(
        db,
      )
      program.app.engine.kick()
      await program.until(async () => {
        const run = await sql<{ state: string }>`select state from callsift.runs where id = ${step.run_id}`.execute(db)
        return run.rows[0]?.state !== 'running'
      })
    },
    chats: () => program.sandbox.requests().filter((one) => one.path.endsWith('/chat/completions')).length,
    updates: () => program.sandbox.effects().filter((one) => one.kind === 'update'),
  }
}
