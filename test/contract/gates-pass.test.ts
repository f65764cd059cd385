import { sql } from 'kysely'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import type { Connection, Database } from '../../src/db/connect.ts'
import { type Closing, createGates, type Gates } from '../../src/engine/gates.ts'
import { emptyRecord, openRecord } from '../support/engine-bench.ts'

const roomy = { perMinute: 60_000, perSecond: 1_000 }
const closing = (forMs: number | null, failureClass = 'rate_limited'): Closing => ({
  forMs,
  class: failureClass,
  message: `closed by ${failureClass}`,
  hint: 'wait or mend',
})

for (const kind of ['postgres', 'pglite'] as const) {
  const bench = await openRecord(kind, `gates on ${kind}`)
  describe.skipIf(bench === undefined)(`gates on ${kind}`, () => {
    const db = bench?.db as Database
    let gates: Gates
    beforeEach(async () => {
      await emptyRecord(db)
      gates = createGates({ db, looseDb: db }, roomy)
    })
    afterAll(() => bench?.close())
    const reopen = () =>
      sql`update callsift.gates set closed_until = clock_timestamp() where closed_until <> '-infinity'`.execute(db)

    it('closes for a time and opens by itself; nothing passes meanwhile, other keys and families do', async () => {
      await gates.close('k1', 'ai', closing(60_000))
      const refused = await gates.pass('k1', ['ai'], 2_000)
      expect(refused).toMatchObject({
        kind: 'closed',
        gate: { name: 'ai', class: 'rate_limited', hint: 'wait or mend' },
      })
      expect(refused.kind === 'closed' && refused.gate.opensInMs).toBeGreaterThan(59_000)
      expect((await gates.pass('k1', ['crm'], 2_000)).kind).toBe('passed')
      expect((await gates.pass('k2', ['ai'], 2_000)).kind).toBe('passed')
      await reopen()
      expect((await gates.pass('k1', ['ai'], 2_000)).kind).toBe('passed')
      expect(await gates.list()).toEqual([])
    })

    it('closed on the whole key, nothing of the key passes', async () => {
      await gates.close('k1', 'key', closing(null, 'key_revoked'))
      for (const family of ['ai', 'crm', 'portal']) {
        expect(await gates.pass('k1', [family], 0)).toMatchObject({
          kind: 'closed',
          gate: { name: 'key', opensInMs: null },
        })
      }
    })

    it('is not opened earlier by a shorter closing, and keeps the reason of the longer one', async () => {
      await gates.close('k1', 'ai', closing(60_000, 'long'))
      await gates.close('k1', 'ai', closing(1_000, 'short'))
      const gate = await gates.closed('k1', ['ai'])
      expect(gate).toMatchObject({ class: 'long' })
      expect(gate?.opensInMs).toBeGreaterThan(58_000)
      await gates.close('k1', 'ai', closing(null, 'by a person'))
      await gates.close('k1', 'ai', closing(60_000, 'long'))
      expect(await gates.closed('k1', ['ai'])).toMatchObject({ class: 'by a person', opensInMs: null })
      expect(await gates.open('k1', 'ai')).toBe(true)
      expect(await gates.open('k1', 'ai')).toBe(false)
      expect(await gates.closed('k1', ['ai'])).toBeNull()
    })

    it('lets exactly one request try a gate that a person closed: it opens on success, closes again on failure', async () => {
      const others = await Promise.all(
        [0, 1, 2].map(async () => createGates((await bench?.connect()) ?? { db, looseDb: db }, roomy)),
      )
      await gates.close('k1', 'ai', closing(null, 'no_balance'))
      const all = [gates, ...others]
      const tryAll = async () => {
        const passes = await Promise.all(
          Array.from({ length: 20 }, (_, n) => (all[n % 4] ?? gates).pass('k1', ['ai'], 60_000)),
        )
        return passes.filter((one) => one.kind === 'passed')
      }
      expect(await tryAll()).toEqual([])
      await gates.allowTrial('k1', 'ai')
      expect(await tryAll()).toMatchObject([{ kind: 'passed', trial: 'ai' }])
      // The trial failed: closed as before, until the next probe allows another.
      await gates.close('k1', 'ai', closing(null, 'no_balance'))
      expect(await tryAll()).toEqual([])
      await gates.allowTrial('k1', 'ai')
      expect(await tryAll()).toHaveLength(1)
      await gates.open('k1', 'ai')
      expect((await tryAll()).map((one) => one.kind === 'passed' && one.trial)).toEqual(Array(20).fill(null))
    })

    it('does not let the trial of one gate through another that is closed as well', async () => {
      await gates.close('k1', 'ai', closing(null, 'no_scope'))
      await gates.close('k1', 'ai:model', closing(null, 'no_balance'))
      await gates.allowTrial('k1', 'ai:model')
      expect((await gates.pass('k1', ['ai', 'ai:model'], 0)).kind).toBe('closed')
      await gates.open('k1', 'ai')
      expect(await gates.pass('k1', ['ai', 'ai:model'], 0)).toMatchObject({ kind: 'passed', trial: 'ai:model' })
    })

    it('hands a due probe to one process only', async () => {
      await gates.close('k1', 'ai', closing(null))
      await gates.close('k2', 'key', closing(null))
      await gates.close('k3', 'ai', closing(60_000))
      expect(await gates.dueProbes(60_000)).toEqual([])
      await sql`update callsift.gates set probe_at = clock_timestamp() - interval '2 minutes'`.execute(db)
      const rounds = await Promise.all(
        Array.from({ length: 8 }, async () =>
          createGates((await bench?.connect()) ?? { db, looseDb: db }, roomy).dueProbes(60_000),
        ),
      )
      expect(
        rounds
          .flat()
          .map((gate) => gate.keyId)
          .sort(),
      ).toEqual(['k1', 'k2'])
    })

    it('tells that the rate is used up instead of reserving a slot further away than the caller waits', async () => {
      const slow = createGates({ db, looseDb: db }, { perMinute: 1, perSecond: 1 })
      expect(await slow.pass('k1', ['ai'], 0)).toEqual({ kind: 'passed', waitMs: 0, trial: null })
      const busy = [await slow.pass('k1', ['ai'], 2_000), await slow.pass('k1', ['ai'], 2_000)]
      for (const one of busy) {
        expect(one.kind).toBe('busy')
        // None was reserved, so the second hears of the same slot as the first.
        expect(one.kind === 'busy' && one.waitMs).toBeGreaterThan(60_000)
        expect(one.kind === 'busy' && one.waitMs).toBeLessThan(75_000)
      }
    })

    it('learns the rate that the upstream states, and a process started later knows it', async () => {
      await gates.pass('k1', ['ai'], 0)
      await gates.learnRate('k1', { perMinute: 1 })
      // The slot reserved at the old rate is over within a second; the next one is a minute away.
      expect((await gates.pass('k1', ['ai'], 1_000)).kind).toBe('passed')
      expect((await gates.pass('k1', ['ai'], 1_000)).kind).toBe('busy')
      expect((await createGates({ db, looseDb: db }, roomy).pass('k1', ['ai'], 1_000)).kind).toBe('busy')
    })
  })
}

const paced = await openRecord('postgres', 'pacing of four processes on Postgres')
describe.skipIf(paced === undefined)('pacing of four processes on Postgres', () => {
  afterAll(() => paced?.close())

  it('never exceeds the rate of a second in any window, and uses at least 80 % of it', async () => {
    const rate = { perMinute: 6_000, perSecond: 40 }
    const processes = await Promise.all(
      Array.from({ length: 4 }, async () => createGates((await paced?.connect()) as Connection, rate)),
    )
    // The slots are told as waits from now; what counts is when they are, not how late a busy test process wakes up.
    const startedAt = performance.now()
    const lastsMs = 3_000
    const slots: { from: number; to: number }[] = []
    const askers = processes.flatMap((gates) =>
      Array.from({ length: 4 }, async () => {
        while (performance.now() - startedAt < lastsMs) {
          const askedAt = performance.now()
          const passed = await gates.pass('k1', ['crm'], 500)
          const wait = passed.kind === 'closed' ? 0 : passed.waitMs
          // The reservation happened between asking and hearing.
          if (passed.kind === 'passed') slots.push({ from: askedAt + wait, to: performance.now() + wait })
          await new Promise((resolve) => setTimeout(resolve, wait))
        }
      }),
    )
    await Promise.all(askers)
    const { rows } = await sql<{
      span: number
    }>`select extract(epoch from tat - clock_timestamp())::float8 * 1000 as span
      from callsift.gates where name = 'key'`.execute(paced?.db as Database)
    expect(rows).toHaveLength(1)
    const used = slots.filter((slot) => slot.to - startedAt <= lastsMs).length / (lastsMs / 1_000)
    expect(used).toBeGreaterThanOrEqual(0.8 * rate.perSecond)
    const latest = slots.map((slot) => slot.from).sort((a, b) => a - b)
    const most = Math.max(
      ...latest.map((at) => slots.filter((slot) => slot.from >= at && slot.to <= at + 1_000).length),
    )
    expect(most).toBeLessThanOrEqual(rate.perSecond)
    expect(most).toBeGreaterThan(0.7 * rate.perSecond)
  })
})
