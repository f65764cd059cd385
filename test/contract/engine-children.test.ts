import { sql } from 'kysely'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import type { Database } from '../../src/db/connect.ts'
import { page } from '../../src/engine/page.ts'
import { retryParked } from '../../src/engine/rerun.ts'
import { Permanent, Retry } from '../../src/errors.ts'
import {
  claimOne,
  emptyRecord,
  newWorker,
  openRecord,
  readRun,
  readSteps,
  sketch,
  startRun,
  timingsOf,
} from '../support/engine-bench.ts'
import { type Act, carryOut, testRegistry } from '../support/engine-workflows.ts'

const registry = testRegistry()
const timings = timingsOf()
const pages: readonly (readonly string[])[] = [
  ['a', 'b', 'c'],
  ['c', 'd'],
  ['e', 'a'],
]

for (const kind of ['postgres', 'pglite'] as const) {
  const bench = await openRecord(kind, `child runs and cursors on ${kind}`)
  describe.skipIf(bench === undefined)(`child runs and cursors on ${kind}`, () => {
    const db = bench?.db as Database
    const deps = { db, registry, timings, random: () => 0.5 }
    let worker = ''
    beforeEach(async () => {
      await emptyRecord(db)
      worker = await newWorker(db)
    })
    afterAll(() => bench?.close())

    /** Reads page n and makes a child of each entry; entries stand on two pages when rows move meanwhile. */
    const list: Act = (_step, _input, scope) => {
      const n = (scope.cursor as { page: number } | null)?.page ?? 0
      const last = n === pages.length - 1
      return page({
        children: (pages[n] ?? []).map((key) => ({ workflow: 'item', key: `lead ${key}`, input: { text: key } })),
        cursor: last ? null : { page: n + 1 },
        output: last ? { pages: n + 1 } : undefined,
      })
    }
    const children = async () =>
      await db
        .selectFrom('callsift.runs')
        .select(['id', 'key', 'priority', 'state'])
        .where('workflow', '=', 'item')
        .orderBy('key')
        .execute()
    const runPages = async (runId: string, act: Act = list) => {
      for (const _ of pages) await carryOut(deps, await claimOne(db, runId, worker), act)
    }

    it('pages with a cursor, makes a child of each entry once, and goes on when the last child has ended', async () => {
      const runId = await startRun(db, registry, 'batch', {})
      await runPages(runId)
      expect((await children()).map((child) => [child.key, child.priority])).toEqual(
        ['a', 'b', 'c', 'd', 'e'].map((key) => [`lead ${key}`, 20]),
      )
      expect(await sketch(db, runId)).toEqual(['list0 g1 joining'])
      const [first, ...others] = await children()
      for (const child of others) await carryOut(deps, await claimOne(db, child.id, worker), () => 1)
      expect(await sketch(db, runId)).toEqual(['list0 g1 joining'])
      await carryOut(deps, await claimOne(db, first?.id ?? '', worker), () => 1)
      expect(await sketch(db, runId)).toEqual(['list0 g1 done', 'report0 g1 ready'])
      expect((await readSteps(db, runId))[0]?.output).toEqual({ pages: 3 })
    })

    it('creates nothing twice when a page is read again after a failure, and keeps its cursor', async () => {
      const runId = await startRun(db, registry, 'batch', {})
      let breakOff = 2
      const act: Act = (step, input, scope) => {
        if (scope.cursor !== null && breakOff > 0) {
          breakOff -= 1
          throw new Retry('bad_gateway', { message: 'no' })
        }
        return list(step, input, scope)
      }
      await carryOut(deps, await claimOne(db, runId, worker), act)
      for (let n = 0; n < 4; n += 1) {
        await sql`update callsift.steps set due_at = now()`.execute(db)
        await carryOut(deps, await claimOne(db, runId, worker), act)
      }
      expect(await children()).toHaveLength(5)
      expect((await readSteps(db, runId))[0]).toMatchObject({ state: 'joining', class: null, attempts: 0 })
    })

    it('creates no child twice when batches over the same entries run at once over several connections', async () => {
      const other = (await bench?.connect())?.db ?? db
      const runs = [await startRun(db, registry, 'batch', {}), await startRun(db, registry, 'batch', {})]
      for (const _ of pages) {
        const claims = [await claimOne(db, runs[0] ?? '', worker), await claimOne(db, runs[1] ?? '', worker)]
        await Promise.all(claims.map((claim, n) => carryOut({ ...deps, db: n === 0 ? db : other }, claim, list)))
      }
      expect(await children()).toHaveLength(5)
    })

    it('joins by count when all children end at the same moment, in every round', async () => {
      const pools = await Promise.all(pages.flat().map(async () => (await bench?.connect())?.db ?? db))
      for (let round = 0; round < (kind === 'postgres' ? 20 : 5); round += 1) {
        await emptyRecord(db)
        worker = await newWorker(db)
        const runId = await startRun(db, registry, 'batch', {})
        await runPages(runId)
        const claims = []
        for (const child of await children()) claims.push(await claimOne(db, child.id, worker))
        await Promise.all(claims.map((claim, n) => carryOut({ ...deps, db: pools[n] ?? db }, claim, () => 1)))
        expect(await sketch(db, runId)).toEqual(['list0 g1 done', 'report0 g1 ready'])
      }
    })

    it('joins also when the children end while the last page is being stored', async () => {
      const other = (await bench?.connect())?.db ?? db
      for (let round = 0; round < 20; round += 1) {
        await emptyRecord(db)
        worker = await newWorker(db)
        const runId = await startRun(db, registry, 'batch', {})
        await carryOut(deps, await claimOne(db, runId, worker), (_step, _input, _scope) =>
          page({ children: [{ workflow: 'item', key: 'only', input: {} }], cursor: 1 }),
        )
        const [child] = await children()
        const [mine, its] = [await claimOne(db, runId, worker), await claimOne(db, child?.id ?? '', worker)]
        await Promise.all([
          carryOut(deps, mine, () => page({ children: [], cursor: null })),
          carryOut({ ...deps, db: other }, its, () => 1),
        ])
        expect(await sketch(db, runId)).toEqual(['list0 g1 done', 'report0 g1 ready'])
      }
    })

    it('a parked child does not hold the join, and retried later it joins nothing twice', async () => {
      const runId = await startRun(db, registry, 'batch', {})
      await runPages(runId)
      const [bad, ...others] = await children()
      for (const child of others) await carryOut(deps, await claimOne(db, child.id, worker), () => 1)
      await carryOut(deps, await claimOne(db, bad?.id ?? '', worker), () => {
        throw new Permanent('unreadable', { message: 'no' })
      })
      expect(await sketch(db, runId)).toEqual(['list0 g1 done', 'report0 g1 ready'])
      await retryParked(db, bad?.id ?? '')
      await carryOut(deps, await claimOne(db, bad?.id ?? '', worker), () => 1)
      await carryOut(deps, await claimOne(db, runId, worker), () => 'reported')
      expect(await sketch(db, runId)).toEqual(['list0 g1 done', 'report0 g1 done'])
      expect(await readRun(db, runId)).toEqual({ state: 'done', class: null })
    })

    it('goes on at once where there is nothing to list', async () => {
      const runId = await startRun(db, registry, 'batch', {})
      await carryOut(deps, await claimOne(db, runId, worker), () => page({ children: [], cursor: null, output: [] }))
      expect(await sketch(db, runId)).toEqual(['list0 g1 done', 'report0 g1 ready'])
    })
  })
}
