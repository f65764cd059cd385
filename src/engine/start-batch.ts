import { sql } from 'kysely'
import type { Queryable } from '../db/connect.ts'
import { createRun } from './create-run.ts'
import type { Registry } from './registry.ts'

export interface BatchStart {
  readonly workflow: string
  readonly portalId: string
  /** What names this run among those of its workflow and portal: a schedule and its moment, or a moment alone. */
  readonly slot: string
  readonly input: unknown
}

/**
 * Starts a workflow over a portal, once for a slot, and never beside another run of it: `busy` names the one that runs.
 * In the caller's transaction, under a lock, so that two who start at once do not both see nothing.
 */
export async function startBatch<Context>(
  trx: Queryable,
  registry: Registry<Context>,
  wanted: BatchStart,
): Promise<{ runId: string; created: boolean } | { busy: string }> {
  const { workflow, portalId, slot, input } = wanted
  await sql`select pg_advisory_xact_lock(hashtext(${`callsift.batch ${workflow} ${portalId}`}))`.execute(trx)
  const key = `${portalId} ${slot}`
  const running = await sql<{ id: string; key: string }>`select id, key from callsift.runs
    where workflow = ${workflow} and portal_id = ${portalId} and state = 'running' limit 1`.execute(trx)
  const standing = running.rows[0]
  if (standing !== undefined && standing.key !== key) return { busy: standing.id }
  return await createRun(trx, registry, { workflow, portalId, key, input, priority: 20 })
}
