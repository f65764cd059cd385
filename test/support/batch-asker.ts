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
    chats: () => program.sandbox.requests().filter((one) => one.path.endsWith('/chat/completions')).length,
    updates: () => program.sandbox.effects().filter((one) => one.kind === 'update'),
  }
}
