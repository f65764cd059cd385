import { randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { StepState } from '../../src/db/schema.ts'
import { createGates } from '../../src/engine/gates.ts'
import { page } from '../../src/engine/page.ts'
import { Blocked, Later, Retry } from '../../src/errors.ts'
import {
  emptyRecord,
  eventually,
  openRecord,
  type RecordBench,
  readRun,
  readSteps,
  sketch,
  startRun,
} from '../support/engine-bench.ts'
import { type EngineProcess, startEngine } from '../support/engine-process.ts'
import { type Act, testRegistry } from '../support/engine-workflows.ts'
import { forgetPrefix } from '../support/redis.ts'
import { createClosers, sharedRedis } from '../support/stores.ts'

const registry = testRegistry()
const redisUrl = await sharedRedis('engines over Redis')
const servers = redisUrl === undefined ? undefined : await openRecord('postgres', 'engines over Postgres and Redis')
const alone = await openRecord('postgres', 'engines over Postgres alone')
const embedded = await openRecord('pglite', 'an embedded engine')

const shapes = [
  { name: 'Postgres and Redis', bench: servers, redis: true, processes: 3 },
  { name: 'Postgres alone', bench: alone, redis: false, processes: 2 },
  { name: 'PGlite, embedded', bench: embedded, redis: false, processes: 1 },
]

for (const { name, bench, redis, processes } of shapes) {
  describe.skipIf(bench === undefined)(`whole engines on ${name}`, () => {
    const { db } = bench as RecordBench
    const { add: later, closeAll } = createClosers()
    const store = { url: redisUrl ?? '', prefix: '' }
    beforeEach(async () => {
      await emptyRecord(db)
      store.prefix = `e${randomBytes(6).toString('hex')}`
      if (redis) {
        const { prefix } = store
        later(() => forgetPrefix(store.url, prefix))
      }
    })
    afterEach(closeAll)
    afterAll(() => bench?.close())

    const open = async (act: Act, more: Partial<Parameters<typeof startEngine>[0]> = {}): Promise<EngineProcess> => {
      const connection = await (bench as RecordBench).connect()
      const one = await startEngine({ connection, ...(redis ? { redis: { ...store } } : {}), act, ...more })
      later(() => one.engine.close(0))
      return one
    }
    const openAll = (act: Act) => Promise.all(Array.from({ length: processes }, () => open(act)))
    const ended = (runId: string, state = 'done') => eventually(async () => (await readRun(db, runId)).state === state)

    it('carries every run through all its steps, each once, whichever process takes it', async () => {
      const ran = new Map<string, number>()
      const workers = new Set<string>()
      const all = await openAll((step, input, scope) => {
        const key = `${scope.runId} ${step} ${scope.index}`
        ran.set(key, (ran.get(key) ?? 0) + 1)
        workers.add(scope.workerId)
        return step === 'part' ? Number(input.item) * 2 : step
      })
      const runs: string[] = []
      for (let n = 0; n < 12; n += 1)
        runs.push(await startRun(db, registry, n % 2 === 0 ? 'fan' : 'chain', { parts: 4 }))
      for (const one of all) one.engine.kick()
      await Promise.all(runs.map((runId) => ended(runId)))
      expect(ran.size).toBe(6 * 5 + 6 * 3)
      expect([...ran.values()].every((times) => times === 1)).toBe(true)
      expect(workers.size).toBeGreaterThanOrEqual(Math.min(2, processes))
      const { rows } = await sql<{ outcome: string; count: number }>`
        select outcome, count(*)::int as count from callsift.attempts group by 1`.execute(db)
      expect(rows).toEqual([{ outcome: 'value', count: 48 }])
    })

    it('repeats, puts off and holds back by itself: each goes on without anybody', async () => {
      const gates = createGates({ db, looseDb: db }, { perMinute: 6_000, perSecond: 100 })
      const times = new Map<string, number>()
      const act: Act = async (step, input) => {
        const time = (times.get(input.run.text) ?? 0) + 1
        times.set(input.run.text, time)
        if (input.run.text === 'retry' && time <= 3) throw new Retry('bad_gateway', { message: 'no' })
        if (input.run.text === 'later' && time <= 2) throw new Later(80, 'rate_limited', { message: 'no' })
        const closed = input.run.text === 'blocked' ? await gates.closed('k1', ['ai']) : null
        if (closed !== null) throw new Blocked(closed.name, closed.class, { message: 'closed' })
        return step
      }
      await gates.close('k1', 'ai', { forMs: null, class: 'no_balance', message: 'm', hint: 'h' })
      await gates.allowTrial('k1', 'ai')
      const [one] = await openAll(act)
      const retried = await startRun(db, registry, 'lone', { text: 'retry' })
      const putOff = await startRun(db, registry, 'lone', { text: 'later' })
      const blocked = await startRun(db, registry, 'paid', { text: 'blocked' })
      one?.engine.kick()
      await Promise.all([ended(retried), ended(putOff)])
      await eventually(async () => (await readSteps(db, blocked))[0]?.class === 'no_balance')
      await gates.close('k1', 'ai', { forMs: null, class: 'no_balance', message: 'm', hint: 'h' })
      expect((await readSteps(db, retried))[0]).toMatchObject({ attempts: 3, state: 'done', class: null })
      expect((await readSteps(db, putOff))[0]).toMatchObject({ attempts: 0, laters: 2, state: 'done' })
      await eventually(async () => (await readSteps(db, blocked))[0]?.state === 'ready')
      expect((await readSteps(db, blocked))[0]).toMatchObject({ attempts: 0, laters: 0, class: 'no_balance' })
      // Nothing but the tick looks after the gate: no kick here.
      await gates.open('k1', 'ai')
      await ended(blocked)
    })

    it('a stop lets what runs end in its time, and puts back what does not; nothing is spent and another goes on', async () => {
      const { promise: held, resolve: letGo } = Promise.withResolvers<void>()
      const started: string[] = []
      const first = await open(async (_step, input, scope) => {
        started.push(input.run.text)
        if (input.run.text === 'short') await held
        else await new Promise((_, reject) => scope.signal.addEventListener('abort', () => reject(scope.signal.reason)))
        return 'by the first'
      })
      const short = await startRun(db, registry, 'lone', { text: 'short' })
      const long = await startRun(db, registry, 'lone', { text: 'long' })
      first.engine.kick()
      await eventually(() => started.length === 2)
      const closing = first.engine.close(500)
      letGo()
      await closing
      expect(await readRun(db, short)).toEqual({ state: 'done', class: null })
      expect((await readSteps(db, long))[0]).toMatchObject({
        state: 'ready',
        attempts: 0,
        laters: 0,
        crashes: 0,
        class: null,
      })
      expect(await db.selectFrom('callsift.workers').selectAll().execute()).toEqual([])
      await open(() => 'by the second')
      await ended(long)
      expect((await readSteps(db, long))[0]?.output).toBe('by the second')
    })

    // The waits for a step that does not end are the program's own, some seconds; one store is enough to show it.
    if (redis) {
      it('ends also when a step does not heed the stop, and another takes that step over', async () => {
        const { promise: held, resolve: letGo } = Promise.withResolvers<void>()
        let started = false
        const first = await open(async () => {
          started = true
          await held
          return 'too late'
        })
        const runId = await startRun(db, registry, 'lone', {})
        first.engine.kick()
        await eventually(() => started)
        await first.engine.close(50)
        await open(() => 'by the second')
        await ended(runId)
        expect((await readSteps(db, runId))[0]?.output).toBe('by the second')
        letGo()
        await eventually(() => first.engine.activeSteps() === 0)
        expect((await readSteps(db, runId))[0]?.output).toBe('by the second')
      })
    }

    it('runs a step that must be alone with nothing beside it in its process', async () => {
      let inside = 0
      let aloneInside = false
      const seen: string[] = []
      const one = await open(async (_step, _input, scope) => {
        const isAlone = scope.runKey === 'alone'
        expect(aloneInside).toBe(false)
        if (isAlone) expect(inside).toBe(0)
        inside += 1
        aloneInside = isAlone
        seen.push(scope.runKey)
        await new Promise((resolve) => setTimeout(resolve, 15))
        inside -= 1
        aloneInside = false
        return null
      })
      const runs = await Promise.all(
        Array.from({ length: 12 }, (_, n) =>
          startRun(db, registry, 'free', {}, { key: n === 5 ? 'alone' : `beside ${n}` }),
        ),
      )
      await sql`update callsift.steps set alone = true where run_id = (select id from callsift.runs where key = 'alone')`.execute(
        db,
      )
      one.engine.kick()
      await Promise.all(runs.map((runId) => ended(runId)))
      const states = await db.selectFrom('callsift.steps').select(['state', 'class']).execute()
      expect(states).toEqual(Array(12).fill({ state: 'done', class: null }))
      expect(seen).toContain('alone')
    })

    it('a worker declared dead stops what it holds, begins anew under a new name, and its late result does not count', async () => {
      const holders: string[] = []
      const one = await open(async (_step, _input, scope) => {
        holders.push(scope.workerId)
        if (holders.length > 1) return 'of the second try'
        await new Promise<void>((resolve) => scope.signal.addEventListener('abort', () => resolve()))
        // Late is what ends after another has taken the step: until then it would rightly count.
        await eventually(() => holders.length > 1)
        return 'of the first try'
      })
      const runId = await startRun(db, registry, 'lone', {})
      one.engine.kick()
      await eventually(() => holders.length === 1)
      await db.deleteFrom('callsift.workers').execute()
      await ended(runId)
      expect((await readSteps(db, runId))[0]).toMatchObject({ output: 'of the second try' })
      expect(new Set(holders).size).toBe(2)
      expect(one.engine.workerId()).toBe(holders[1])
      await eventually(async () => one.engine.activeSteps() === 0)
      const attempts = await db.selectFrom('callsift.attempts').select('outcome').orderBy('fence').execute()
      expect(attempts).toEqual([{ outcome: 'fenced' }, { outcome: 'value' }])
    })

    it('parks a step whose result the record refuses, instead of trying for ever', async () => {
      const one = await open(() => page({ children: [{ workflow: 'nowhere', key: 'k', input: {} }], cursor: null }))
      const runId = await startRun(db, registry, 'batch', {})
      one.engine.kick()
      await ended(runId, 'parked')
      expect((await readSteps(db, runId))[0]).toMatchObject({ state: 'parked', class: 'bug' })
      expect((await readSteps(db, runId))[0]?.message).toContain('no workflow is named nowhere')
    })

    it('carries a batch with its children to the report', async () => {
      const [one] = await openAll((step, _input, scope) => {
        if (step !== 'list') return step
        const n = (scope.cursor as number | null) ?? 0
        const keys = [`${n}`, `${n}x`]
        return page({
          children: keys.map((key) => ({ workflow: 'item', key, input: { text: key } })),
          cursor: n === 2 ? null : n + 1,
          output: 'listed',
        })
      })
      const runId = await startRun(db, registry, 'batch', {})
      one?.engine.kick()
      await ended(runId)
      expect(await sketch(db, runId)).toEqual(['list0 g1 done', 'report0 g1 done'])
      const children = await db.selectFrom('callsift.runs').select('state').where('workflow', '=', 'item').execute()
      expect(children).toEqual(Array(6).fill({ state: 'done' }))
    })
  })
}

const forgetful = redisUrl === undefined ? undefined : await openRecord('postgres', 'a queue that forgets')
describe.skipIf(forgetful === undefined)('a queue that forgets', () => {
  afterAll(() => forgetful?.close())
  it('loses no run: what it held is dispatched again, and counts once', async () => {
    const bench = forgetful as RecordBench
    const { add: later, closeAll } = createClosers()
    try {
      await emptyRecord(bench.db)
      const redis = { url: redisUrl ?? '', prefix: `e${randomBytes(6).toString('hex')}` }
      later(() => forgetPrefix(redis.url, redis.prefix))
      const dispatching = await startEngine({ connection: await bench.connect(), redis, act: () => 1, idle: true })
      later(() => dispatching.engine.close(0))
      const runs: string[] = []
      for (let n = 0; n < 6; n += 1) runs.push(await startRun(bench.db, registry, 'lone', {}))
      dispatching.engine.kick()
      const inState = async (state: StepState) => {
        const rows = await bench.db.selectFrom('callsift.steps').select('id').where('state', '=', state).execute()
        return rows.length
      }
      await eventually(async () => (await inState('dispatched')) === 6)
      await forgetPrefix(redis.url, redis.prefix)
      const working = await startEngine({ connection: await bench.connect(), redis, act: () => 1 })
      later(() => working.engine.close(0))
      await eventually(async () => (await inState('done')) === 6)
      const attempts = await bench.db.selectFrom('callsift.attempts').select('outcome').execute()
      expect(attempts).toEqual(Array(6).fill({ outcome: 'value' }))
    } finally {
      await closeAll()
    }
  })
})
