import { setTimeout as wait } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import type { Database } from '../../src/db/connect.ts'
import { createSlots } from '../../src/engine/slots.ts'
import { freeDeadWorkers } from '../../src/engine/workers.ts'
import { gatedDatabase } from '../faults/simulation/gated-pool.ts'
import { emptyRecord, eventually, newWorker, openRecord, stopHeart, timingsOf } from '../support/engine-bench.ts'
import { testRegistry } from '../support/engine-workflows.ts'
import { startProgram } from '../support/program.ts'

it('F33: the program looks for lost releases with each heartbeat', async () => {
  const program = await startProgram({ timings: { heartbeatMs: 100 } })
  try {
    const { db } = program.app
    const workerId = program.app.engine.workerId() ?? ''
    for (const n of [0, 1])
      await sql`insert into callsift.slots (portal_id, n, holder, worker_id, lease_until)
        values ('acme', ${n}, ${`lost ${n}`}, ${workerId}, clock_timestamp() + interval '10 minutes')
        on conflict (portal_id, n) do update set holder = excluded.holder, worker_id = excluded.worker_id,
          lease_until = excluded.lease_until`.execute(db)
    await eventually(async () => {
      const { rows } = await sql`select n from callsift.slots where lease_until > clock_timestamp()`.execute(db)
      return rows.length === 0
    })
  } finally {
    await program.close()
  }
})

const registry = testRegistry()
const delay = (ms: number) => wait(ms)

for (const kind of ['postgres', 'pglite'] as const) {
  const bench = await openRecord(kind, `slots on ${kind}`)
  describe.skipIf(bench === undefined)(`a portal's slots on ${kind}`, () => {
    const db = bench?.db as Database
    const slots = createSlots(db, delay)
    const now = { bytes: false, workerId: 'w', waitMs: 0, leaseMs: 60_000 }
    beforeEach(async () => {
      await emptyRecord(db)
      // The rows went with the rest; whoever takes one first lays them again.
      await createSlots(db, delay).take('p1', { ...now, leaseMs: -1_000 })
    })
    afterAll(() => bench?.close())

    it('are two, over many connections, and a recording takes at most one of them', async () => {
      const many = await Promise.all(
        Array.from({ length: 6 }, async () => createSlots((await bench?.connect())?.looseDb ?? db, delay)),
      )
      let held = 0
      let bytesHeld = 0
      let most = 0
      let mostBytes = 0
      let done = 0
      await Promise.all(
        Array.from({ length: 60 }, async (_, n) => {
          const bytes = n % 3 === 0
          const slot = await (many[n % 6] ?? slots).take('p1', {
            bytes,
            workerId: `w${n}`,
            waitMs: 30_000,
            leaseMs: 60_000,
          })
          if (slot === null) return
          held += 1
          bytesHeld += bytes ? 1 : 0
          most = Math.max(most, held)
          mostBytes = Math.max(mostBytes, bytesHeld)
          await wait(3)
          held -= 1
          bytesHeld -= bytes ? 1 : 0
          done += 1
          await slot.release()
        }),
      )
      expect({ done, most, mostBytes }).toEqual({ done: 60, most: 2, mostBytes: 1 })
    })

    it('F33: are given back by the worker itself where a crash of the record lost their release', async () => {
      const worker = await newWorker(db)
      const mine = { ...now, workerId: worker }
      const [recording, other] = [await slots.take('p1', { ...mine, bytes: true }), await slots.take('p1', mine)]
      const rows = await sql`select * from callsift.slots where portal_id = 'p1'`.execute(db)
      await other?.release()
      // The record comes back as it was before the release.
      const lost = rows.rows.find((row) => (row as { n: number }).n === 1) as { holder: string; lease_until: Date }
      const comeBack = () =>
        sql`update callsift.slots set holder = ${lost.holder}, worker_id = ${worker}, lease_until = ${lost.lease_until}
          where portal_id = 'p1' and n = 1`.execute(db)
      await comeBack()
      expect(await slots.take('p1', mine)).toBeNull()
      expect(await slots.freeStrays(worker)).toBe(1)
      // What it does hold, it keeps, and so does everybody else.
      expect(await slots.freeStrays(worker)).toBe(0)
      const again = await slots.take('p1', mine)
      expect(again).not.toBeNull()
      expect(await slots.take('p1', { ...mine, bytes: true })).toBeNull()
      expect(await createSlots(db, delay).freeStrays('another')).toBe(0)
      await Promise.all([recording?.release(), again?.release()])
    })

    it('leave one free beside a recording, refuse a second recording, and belong to one portal', async () => {
      const recording = await slots.take('p1', { ...now, bytes: true })
      expect(recording).not.toBeNull()
      expect(await slots.take('p1', { ...now, bytes: true })).toBeNull()
      const other = await slots.take('p1', now)
      expect(other).not.toBeNull()
      expect(await slots.take('p1', now)).toBeNull()
      expect(await slots.take('p2', { ...now, bytes: true })).not.toBeNull()
      await recording?.release()
      // Released twice, it does not take the slot from its next holder.
      const next = await slots.take('p1', { ...now, bytes: true })
      await recording?.release()
      expect(next).not.toBeNull()
      expect(await slots.take('p1', { ...now, bytes: true })).toBeNull()
    })

    it('come free when their holder dies, or when its lease runs out', async () => {
      const worker = await newWorker(db)
      await slots.take('p1', { ...now, workerId: worker })
      await slots.take('p1', { ...now, workerId: worker })
      expect(await slots.take('p1', now)).toBeNull()
      await stopHeart(db, worker)
      await freeDeadWorkers(db, registry, timingsOf())
      const brief = await slots.take('p1', { ...now, leaseMs: 50 })
      expect(brief).not.toBeNull()
      expect(await slots.take('p1', now)).not.toBeNull()
      expect(await slots.take('p1', { ...now, waitMs: 10_000 })).not.toBeNull()
    })

    it('F33: come free when the record is lost while one is taken, or let go', async () => {
      const gone = Object.assign(new Error('the connection is gone'), { code: 'ECONNRESET' })
      const losing = { before: false, after: false }
      const lose = async (moment: 'before' | 'after') => {
        if (!losing[moment]) return
        losing[moment] = false
        throw gone
      }
      const pool = bench?.connection.pool as never
      const lossy = createSlots(gatedDatabase(pool, { before: () => lose('before'), after: () => lose('after') }), () =>
        wait(1),
      )
      await lossy.ensure('p1')
      const allFree = async () => {
        const { rows } = await sql<{ held: number }>`select count(holder)::int as held from callsift.slots`.execute(db)
        return rows[0]?.held === 0
      }
      // Taken, but nobody heard of it.
      losing.after = true
      await expect(lossy.take('p1', now)).rejects.toThrow('the connection is gone')
      await eventually(allFree)
      const slot = await lossy.take('p1', now)
      losing.before = true
      await slot?.release()
      await eventually(allFree)
    })
  })
}
