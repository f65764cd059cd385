import { sql } from 'kysely'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import type { Database } from '../../src/db/connect.ts'
import type { Claim } from '../../src/engine/claim.ts'
import { finishStep } from '../../src/engine/finish.ts'
import { valueOutcome } from '../../src/engine/outcome.ts'
import { claimDue, emptyRecord, newWorker, openRecord, sketch, startRun, timingsOf } from '../support/engine-bench.ts'
import { testRegistry } from '../support/engine-workflows.ts'

const registry = testRegistry()
const timings = timingsOf()
const parts = 5
const bench = await openRecord('postgres', 'fan-in on Postgres')

/** The engine's finish without its first line, the lock on the run: what the lock is there for must be seen without it. */
async function finishWithoutLock(db: Database, claim: Claim): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await sql`update callsift.steps set state = 'done', output = '1', worker_id = null
      where id = ${claim.stepId} and state = 'running' and fence = ${claim.fence}`.execute(trx)
    const open = await sql<{ open: number }>`select count(*)::int as open from callsift.steps
      where run_id = ${claim.runId} and generation = 1 and name = ${claim.stepName} and state <> 'done'`.execute(trx)
    if ((open.rows[0]?.open ?? 0) > 0) return
    await sql`insert into callsift.steps (run_id, generation, name, queue, portal_id, family)
      values (${claim.runId}, 1, 'gather', 'gather', ${claim.portalId}, 'crm') on conflict do nothing`.execute(trx)
  })
}

async function fanOut(db: Database, runs: number): Promise<Claim[][]> {
  const worker = await newWorker(db)
  const claims: Claim[][] = []
  for (let n = 0; n < runs; n += 1) {
    claims.push(await claimDue(db, await startRun(db, registry, 'fan', { parts }), worker))
  }
  return claims
}

async function countGathers(db: Database): Promise<{ runs: number; gathers: number }> {
  const { rows } = await sql<{ runs: number; gathers: number }>`
    select (select count(*)::int from callsift.runs) as runs,
      (select count(*)::int from callsift.steps where name = 'gather') as gathers`.execute(db)
  return rows[0] ?? { runs: 0, gathers: 0 }
}

describe.skipIf(bench === undefined)('parts that end at the same moment, over several connections', () => {
  const db = bench?.db as Database
  const pools: Database[] = []
  beforeEach(async () => {
    await emptyRecord(db)
    while (bench !== undefined && pools.length < parts) pools.push((await bench.connect()).db)
    // Every pool has its connection before the race begins.
    await Promise.all(pools.map((pool) => sql`select 1`.execute(pool)))
  })
  afterAll(() => bench?.close())
  const race = async (claims: Claim[], finish: (pool: Database, claim: Claim) => Promise<unknown>) =>
    await Promise.all(claims.map((claim, n) => finish(pools[n % parts] ?? db, claim)))

  it('create the step after them exactly once, in each of 300 rounds', async () => {
    for (const claims of await fanOut(db, 300)) {
      const ended = await race(claims, (pool, claim) =>
        finishStep({ db: pool, registry, timings, random: Math.random }, claim, valueOutcome(claim.index, 'h')),
      )
      expect(ended).toEqual(Array(parts).fill('stored'))
    }
    expect(await countGathers(db)).toEqual({ runs: 300, gathers: 300 })
  })

  it('would lose it without the lock on the run, so the test above can fail', async () => {
    for (const claims of await fanOut(db, 40)) await race(claims, finishWithoutLock)
    const { runs, gathers } = await countGathers(db)
    expect(runs).toBe(40)
    expect(gathers).toBeLessThan(40)
  })

  it('wait for the slowest of them', async () => {
    const [claims = []] = await fanOut(db, 1)
    const deps = { db, registry, timings, random: Math.random }
    for (const claim of claims.slice(1)) await finishStep(deps, claim, valueOutcome(claim.index, 'h'))
    const [runId] = claims.map((claim) => claim.runId)
    expect(await sketch(db, runId ?? '')).toEqual(
      Array.from({ length: parts }, (_, n) => `part${n} g1 ${n === 0 ? 'running' : 'done'}`),
    )
    if (claims[0] !== undefined) await finishStep(deps, claims[0], valueOutcome(0, 'h'))
    expect((await sketch(db, runId ?? '')).at(-1)).toBe('gather0 g1 ready')
  })
})
