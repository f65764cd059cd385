import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { sql } from 'kysely'
import { vi } from 'vitest'
import { loadConfig, type Timings } from '../../src/config.ts'
import { type Connection, type Database, openDatabase } from '../../src/db/connect.ts'
import { migrate } from '../../src/db/migrate.ts'
import { type Claim, claimStep } from '../../src/engine/claim.ts'
import { createRun } from '../../src/engine/create-run.ts'
import type { StepJob } from '../../src/engine/queues.ts'
import type { Registry } from '../../src/engine/registry.ts'
import { registerWorker } from '../../src/engine/workers.ts'
import { createLog } from '../../src/log.ts'
import { makeDataFolder } from './data-folder.ts'
import { createClosers, freshDatabase } from './stores.ts'

export const silentLog = createLog('silent')

/** Waits for a condition; the bound is for a machine that is busy, not for the thing waited for. */
export function eventually(condition: () => boolean | Promise<boolean>, timeoutMs = 30_000): Promise<unknown> {
  return vi.waitUntil(condition, { timeout: timeoutMs, interval: 15 })
}

export function timingsOf(changes: Partial<Timings> = {}): Timings {
  // A heartbeat's life must hold two beats and a permit: shorter lives need shorter beats.
  return loadConfig({ CALLSIFT_TIMINGS: JSON.stringify({ heartbeatMs: 150, permitMs: 100, ...changes }) }).timings
}

/** A record of the test's own, laid out and with one portal `p1` on key `k1`. */
export interface RecordBench {
  readonly kind: 'postgres' | 'pglite'
  readonly db: Database
  readonly connection: Connection
  readonly url: string
  /** One more process's connections; on PGlite, which has one session, the same. */
  connect(): Promise<Connection>
  close(): Promise<void>
}

/** Undefined where this machine has no Postgres; the end of the run says so in capitals. */
export async function openRecord(
  kind: 'postgres' | 'pglite',
  what: string,
  options: { migrated?: boolean } = {},
): Promise<RecordBench | undefined> {
  const closers = createClosers()
  let where: { databaseUrl: string } | { dataDir: string }
  if (kind === 'postgres') {
    const database = await freshDatabase(what)
    if (database === undefined) return undefined
    closers.add(() => database.drop())
    where = { databaseUrl: database.url }
  } else {
    const dataDir = await makeDataFolder()
    closers.add(() => rm(dataDir, { recursive: true, force: true }))
    where = { dataDir }
  }
  const connect = async () => {
    const opened = await openDatabase(where, silentLog)
    closers.add(() => opened.close())
    return opened
  }
  const connection = await connect()
  if (options.migrated !== false) {
    await migrate(connection.db)
    await addPortal(connection.db, 'p1', 'k1')
  }
  return {
    kind,
    db: connection.db,
    connection,
    url: 'databaseUrl' in where ? where.databaseUrl : '',
    connect: kind === 'postgres' ? connect : async () => connection,
    close: () => closers.closeAll(),
  }
}

export async function addPortal(db: Database, id: string, keyId: string): Promise<void> {
  await sql`insert into callsift.portals (id, member_id, name, base_url, api_key_sealed, key_id)
    values (${id}, ${`member-${id}`}, ${id}, 'http://127.0.0.1:1', 'sealed', ${keyId})`.execute(db)
}

/** Empties what runs leave, so that the tests of a file share one database and see nothing of each other. */
export async function emptyRecord(db: Database): Promise<void> {
  const tables = ['runs', 'workers', 'gates', 'slots', 'effects', 'call_identities', 'calls', 'inbox']
  // One statement, and no truncate: that makes new files, which takes longer than most of the tests.
  const deletes = tables.map((table) => `delete from callsift.${table};`).join(' ')
  await sql.raw(`do $$ begin ${deletes} delete from callsift.portals where id <> 'p1'; end $$`).execute(db)
}

/** A worker's row, as a process that has just started has it. */
export async function newWorker(db: Database): Promise<string> {
  return await registerWorker(db, { queues: ['any'], version: 'test' })
}

/** Takes a worker's heartbeat away, as if it had ended `agoMs` ago. */
export async function stopHeart(db: Database, workerId: string, agoMs = 60_000): Promise<void> {
  await sql`update callsift.workers set heartbeat_at = clock_timestamp() - ${agoMs} * interval '1 millisecond'
    where id = ${workerId}`.execute(db)
}

export async function startRun<Context>(
  db: Database,
  registry: Registry<Context>,
  workflow: string,
  input: unknown,
  more: { key?: string; portalId?: string; priority?: number } = {},
): Promise<string> {
  const { portalId = 'p1', key = randomBytes(6).toString('hex'), priority = 0 } = more
  const { runId } = await db
    .transaction()
    .execute((trx) => createRun(trx, registry, { workflow, key, portalId, input, priority }))
  return runId
}

/** What the dispatcher does to the rows, without a queue: the jobs of all steps of a run that are due. */
export async function dispatchDue(db: Database, runId: string): Promise<StepJob[]> {
  const { rows } = await sql<{ id: string; dispatch_no: number }>`
    update callsift.steps set state = 'dispatched', dispatch_no = dispatch_no + 1, dispatched_at = clock_timestamp()
    where run_id = ${runId} and state = 'ready' and due_at <= clock_timestamp() returning id, dispatch_no`.execute(db)
  return rows
    .map((row) => ({ stepId: row.id, dispatchNo: row.dispatch_no }))
    .sort((a, b) => Number(a.stepId) - Number(b.stepId))
}

/** Dispatches and claims all steps of a run that are due. */
export async function claimDue(db: Database, runId: string, workerId: string): Promise<Claim[]> {
  const claims: Claim[] = []
  for (const job of await dispatchDue(db, runId)) {
    const claim = await claimStep(db, job, workerId)
    if (claim !== null) claims.push(claim)
  }
  return claims
}

export async function claimOne(db: Database, runId: string, workerId: string): Promise<Claim> {
  const [claim, ...others] = await claimDue(db, runId, workerId)
  if (claim === undefined || others.length > 0)
    throw new Error(`run ${runId} has ${others.length} steps too many, or none`)
  return claim
}

export interface StepLine {
  id: string
  generation: number
  name: string
  index: number
  state: string
  class: string | null
  attempts: number
  laters: number
  output: unknown
  message: string | null
  hint: string | null
  policy: string | null
  waits_ms: number
  crashes: number
  alone: boolean
  fence: number
}

export async function readSteps(db: Database, runId: string): Promise<StepLine[]> {
  const { rows } = await sql<StepLine>`
    select id, generation, name, index, state, class, attempts, laters, output, message, hint, policy, crashes, alone, fence,
      extract(epoch from due_at - clock_timestamp())::float8 * 1000 as waits_ms
    from callsift.steps where run_id = ${runId} order by generation, id`.execute(db)
  return rows
}

export async function readRun(db: Database, runId: string): Promise<{ state: string; class: string | null }> {
  return await db
    .selectFrom('callsift.runs')
    .select(['state', 'class'])
    .where('id', '=', runId)
    .executeTakeFirstOrThrow()
}

/** `plan 1 done` and so on, in order of making: what a run looks like in one line a step. */
export async function sketch(db: Database, runId: string): Promise<string[]> {
  return (await readSteps(db, runId)).map((step) => `${step.name}${step.index} g${step.generation} ${step.state}`)
}
