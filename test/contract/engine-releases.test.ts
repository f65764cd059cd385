import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Migration, migrate, readLevel } from '../../src/db/migrate.ts'
import { record } from '../../src/db/migrations/0001-record.ts'
import { listCauses } from '../../src/db/status.ts'
import { page } from '../../src/engine/page.ts'
import {
  emptyRecord,
  eventually,
  openRecord,
  type RecordBench,
  readRun,
  readSteps,
  startRun,
} from '../support/engine-bench.ts'
import { startEngine } from '../support/engine-process.ts'
import { type Act, newerWorkflows, testRegistry } from '../support/engine-workflows.ts'
import { forgetPrefix } from '../support/redis.ts'
import { createClosers, sharedRedis } from '../support/stores.ts'

const older = testRegistry()
const newer = testRegistry(newerWorkflows())
const redisUrl = await sharedRedis('two releases side by side')
const servers = redisUrl === undefined ? undefined : await openRecord('postgres', 'two releases side by side')
const embedded = await openRecord('pglite', 'a release that went back')

/** A level above every real one, as the release after the next might bring it. */
const expansion: Migration = {
  level: 900,
  oldestProgram: 1,
  statements: ['alter table callsift.steps add column foresight text', 'create table callsift.foresights (id bigint)'],
}

for (const { name, bench, redis } of [
  { name: 'Postgres and Redis', bench: servers, redis: true },
  { name: 'PGlite, embedded', bench: embedded, redis: false },
]) {
  describe.skipIf(bench === undefined)(`an older release on a newer one's record, on ${name}`, () => {
    const { db } = bench as RecordBench
    const { add: later, closeAll } = createClosers()
    let prefix = ''
    beforeEach(async () => {
      await emptyRecord(db)
      prefix = `r${randomBytes(6).toString('hex')}`
      const url = redisUrl ?? ''
      if (redis) later(() => forgetPrefix(url, prefix))
    })
    afterEach(closeAll)
    afterAll(() => bench?.close())

    const open = async (registry: typeof older, act: Act) => {
      const connection = await (bench as RecordBench).connect()
      const store = redis ? { redis: { url: redisUrl ?? '', prefix } } : {}
      const one = await startEngine({ connection, ...store, act, registry })
      later(() => one.engine.close(0))
      return one
    }
    const stateOf = async (runId: string) => (await readRun(db, runId)).state
    const ended = (runId: string) => eventually(async () => (await stateOf(runId)) === 'done')
    const expand = () => migrate(db, { list: [record, expansion] })

    it('goes on with its own work, and leaves what it does not know ready, with the reason and nothing spent', async () => {
      await expand()
      expect((await readLevel(db)).level).toBe(900)
      const [old] = [await open(older, (step) => step)]
      const strange = await startRun(db, newer, 'newer', {})
      const farther = await startRun(db, newer, 'newest', {})
      old.engine.kick()
      await eventually(async () => (await readSteps(db, strange))[0]?.class === 'unknown_step')
      const own = await Promise.all(Array.from({ length: 12 }, () => startRun(db, older, 'chain', {})))
      old.engine.kick()
      await Promise.all(own.map((runId) => ended(runId)))
      expect((await readSteps(db, strange))[0]).toMatchObject({
        attempts: 0,
        laters: 0,
        crashes: 0,
        fence: 0,
        state: 'ready',
        class: 'unknown_step',
      })
      expect((await readSteps(db, farther))[0]).toMatchObject({ attempts: 0, fence: 0, state: 'ready', class: null })
      expect(await stateOf(strange)).toBe('running')
      expect(await listCauses(db)).toMatchObject([{ class: 'unknown_step', state: 'waiting', steps: 1 }])
      expect(await db.selectFrom('callsift.attempts').select('id').where('outcome', '<>', 'value').execute()).toEqual(
        [],
      )
      if (!redis) await old.engine.close(0)
      await open(newer, () => 'by the newer')
      await Promise.all([ended(strange), ended(farther)])
      expect((await readSteps(db, strange))[0]).toMatchObject({ output: 'by the newer', class: null, attempts: 0 })
    })

    it('ends the last child of a parent that it does not know, and leaves the parent to the newer one', async () => {
      await expand()
      const act: Act = (step) =>
        step === 'listNewer'
          ? page({ children: [{ workflow: 'item', key: 'child', input: {} }], cursor: null, output: 'listed' })
          : step
      const first = await open(newer, async (step, input, scope) => {
        if (step !== 'judge') return act(step, input, scope)
        return await new Promise((_, reject) =>
          scope.signal.addEventListener('abort', () => reject(scope.signal.reason)),
        )
      })
      const parent = await startRun(db, newer, 'newer batch', {})
      first.engine.kick()
      await eventually(async () => (await readSteps(db, parent))[0]?.state === 'joining')
      await first.engine.close(0)
      const old = await open(older, act)
      await eventually(async () => (await readSteps(db, parent))[0]?.class === 'unknown_step')
      const children = await db.selectFrom('callsift.runs').select('state').where('workflow', '=', 'item').execute()
      expect(children).toEqual([{ state: 'done' }])
      if (!redis) await old.engine.close(0)
      await open(newer, act)
      await ended(parent)
      expect((await readSteps(db, parent)).map((step) => [step.name, step.output])).toEqual([
        ['listNewer', 'listed'],
        ['reportNewer', 'reportNewer'],
      ])
    })
  })
}
