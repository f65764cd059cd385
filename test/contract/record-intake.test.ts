import { sql } from 'kysely'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { learnActivity } from '../../src/db/call-facts.ts'
import type { Database } from '../../src/db/connect.ts'
import { defineStep, defineWorkflow } from '../../src/engine/define.ts'
import { createRegistry } from '../../src/engine/registry.ts'
import { type Acceptance, acceptCalls } from '../../src/intake/accept-calls.ts'
import { createBatcher } from '../../src/intake/batcher.ts'
import type { IncomingCall } from '../../src/intake/incoming-call.ts'
import { emptyRecord, openRecord, sketch } from '../support/engine-bench.ts'

const Input = z.object({ callId: z.string() })
const locateRecording = defineStep<null>()({
  name: 'locateRecording',
  queue: 'locate',
  family: 'portal',
  input: z.object({ run: Input }),
  output: z.null(),
  run: async () => null,
})
const registry = createRegistry([defineWorkflow<null, typeof Input>('call', Input).step(locateRecording)])
const known = (names: Partial<IncomingCall>): IncomingCall => ({
  portalId: 'p1',
  source: 'event',
  masked: {},
  ...names,
})

for (const kind of ['postgres', 'pglite'] as const) {
  const bench = await openRecord(kind, `intake on ${kind}`)
  describe.skipIf(bench === undefined)(`intake on ${kind}`, () => {
    const db = bench?.db as Database
    const accept = async (call: IncomingCall, over: Database = db): Promise<Acceptance> => {
      const [answer] = await acceptCalls(over, registry, [call])
      if (answer === undefined) throw new Error('no answer')
      return answer
    }
    beforeEach(() => emptyRecord(db))
    afterAll(() => bench?.close())

    const count = async () => {
      const { rows } = await sql<{ calls: number; runs: number; steps: number; deliveries: number }>`
        select (select count(*)::int from callsift.calls) as calls, (select count(*)::int from callsift.runs) as runs,
          (select count(*)::int from callsift.steps) as steps, (select count(*)::int from callsift.inbox) as deliveries`.execute(
        db,
      )
      return rows[0]
    }
    const identities = async () =>
      await db.selectFrom('callsift.call_identities').select(['identity', 'call_id']).orderBy('identity').execute()

    it('takes a call in once, however often it is told at the same moment, and keeps every delivery', async () => {
      const pools = await Promise.all([0, 1, 2, 3].map(async () => (await bench?.connect())?.db ?? db))
      // Fewer than four processes have connections: more would only wait for one, on a slow disk for longer than they may.
      const answers = await Promise.all(
        Array.from({ length: 24 }, (_, n) => accept(known({ callRef: 'c1', activityId: '9' }), pools[n % 4])),
      )
      expect(answers.filter((answer) => answer.outcome === 'accepted')).toHaveLength(1)
      expect(new Set(answers.map((answer) => `${answer.callId} ${answer.runId}`)).size).toBe(1)
      expect(await count()).toEqual({ calls: 1, runs: 1, steps: 1, deliveries: 24 })
    })

    it('sets an accepted call on its way in the transaction that accepts it', async () => {
      const { runId, callId } = await accept(known({ callRef: 'c1' }))
      expect(await sketch(db, runId)).toEqual(['locateRecording0 g1 ready'])
      const run = await db.selectFrom('callsift.runs').select('input').where('id', '=', runId).executeTakeFirst()
      expect(run?.input).toEqual({ callId })
      await expect(accept(known({}))).rejects.toThrow('needs a call id')
      expect(await count()).toEqual({ calls: 1, runs: 1, steps: 1, deliveries: 1 })
    })

    it('knows a call again by any name that one of its deliveries told, whichever came first', async () => {
      const first = await accept(known({ activityId: '9' }))
      const both = await accept(known({ callRef: 'c1', activityId: '9' }))
      const last = await accept(known({ callRef: 'c1' }))
      expect([both, last].map((answer) => [answer.outcome, answer.callId])).toEqual([
        ['duplicate', first.callId],
        ['duplicate', first.callId],
      ])
      const call = await db.selectFrom('callsift.calls').select(['call_ref', 'activity_id']).executeTakeFirst()
      expect(call).toEqual({ call_ref: 'c1', activity_id: '9' })
      expect(await count()).toMatchObject({ calls: 1, runs: 1, deliveries: 3 })
    })

    for (const order of ['the call id first', 'the activity first'] as const) {
      it(`merges deliveries that know nothing of each other when the activity is learnt: ${order}`, async () => {
        const told = [known({ callRef: 'c1' }), known({ activityId: '9' })]
        if (order === 'the activity first') told.reverse()
        const answers = []
        for (const call of told) answers.push(await accept(call))
        expect(await count()).toMatchObject({ calls: 2, runs: 2 })
        const [byCall, byActivity] = order === 'the call id first' ? answers : answers.toReversed()
        // The locate step of each, in either order, learns the same activity.
        for (const one of answers) await learnActivity(db, { id: one.callId, portalId: 'p1' }, '9')
        const merged = await db.selectFrom('callsift.calls').select(['id', 'merged_into']).orderBy('id').execute()
        expect(merged.filter((call) => call.merged_into !== null)).toEqual([
          { id: byCall?.callId, merged_into: byActivity?.callId },
        ])
        expect(await accept(known({ callRef: 'c1' }))).toEqual({ ...byActivity, outcome: 'duplicate' })
      })
    }

    it('ends in one call, or two that are merged, when the deliveries cross on several connections', async () => {
      const pools = await Promise.all([0, 1, 2].map(async () => (await bench?.connect())?.db ?? db))
      for (let round = 0; round < 30; round += 1) {
        const [callRef, activityId] = [`c${round}`, `${round}`]
        const told = [known({ callRef, activityId }), known({ activityId }), known({ callRef })]
        const answers = await Promise.all(told.map((call, n) => accept(call, pools[(n + round) % 3])))
        const calls = [...new Set(answers.map((answer) => answer.callId))]
        for (const id of calls) await learnActivity(db, { id, portalId: 'p1' }, activityId)
        const standing = await db
          .selectFrom('callsift.calls')
          .select('id')
          .where('id', 'in', calls)
          .where('merged_into', 'is', null)
          .execute()
        expect(standing).toHaveLength(1)
        const names = (await identities()).filter(
          (row) => row.identity.endsWith(`|${callRef}`) || row.identity.endsWith(`|${round}`),
        )
        expect(names).toHaveLength(2)
        for (const again of told)
          expect(await accept(again)).toMatchObject({ outcome: 'duplicate', callId: standing[0]?.id })
      }
    })

    it('takes one portal for another never, nor an upload for another recording', async () => {
      await accept(known({ callRef: 'c1' }))
      expect((await accept(known({ callRef: 'c1', portalId: 'p2' }))).outcome).toBe('accepted')
      expect((await accept(known({ audioSha256: 'aa', entityTypeId: 2, entityId: '1' }))).outcome).toBe('accepted')
      expect((await accept(known({ audioSha256: 'aa', entityTypeId: 2, entityId: '2' }))).outcome).toBe('accepted')
      expect((await accept(known({ audioSha256: 'aa', entityTypeId: 2, entityId: '1' }))).outcome).toBe('duplicate')
      expect((await accept(known({ idempotencyKey: 'k', audioSha256: 'aa' }))).outcome).toBe('accepted')
      expect((await accept(known({ idempotencyKey: 'k', audioSha256: 'bb' }))).outcome).toBe('duplicate')
    })

    it('hurries a wait for the recording when the call is told again, and reopens one that had been given up', async () => {
      const { runId } = await accept(known({ callRef: 'c1' }))
      await sql`update callsift.steps set due_at = now() + interval '1 hour'`.execute(db)
      await accept(known({ callRef: 'c1' }))
      const { rows } = await sql<{
        due: boolean
      }>`select due_at <= clock_timestamp() as due from callsift.steps`.execute(db)
      expect(rows).toEqual([{ due: true }])
      await sql`update callsift.runs set state = 'done', class = 'no_recording'`.execute(db)
      await sql`update callsift.steps set state = 'done'`.execute(db)
      await accept(known({ callRef: 'c1' }))
      expect(await sketch(db, runId)).toEqual(['locateRecording0 g1 done', 'locateRecording0 g2 ready'])
      await sql`update callsift.runs set state = 'done', class = 'no_speech'`.execute(db)
      await accept(known({ callRef: 'c1' }))
      expect(await sketch(db, runId)).toHaveLength(2)
    })

    it('stores what comes within a few milliseconds in one transaction, each call with its own answer', async () => {
      const batches: number[] = []
      const batcher = createBatcher((calls) => {
        batches.push(calls.length)
        return acceptCalls(db, registry, calls)
      })
      const answers = await Promise.all(
        Array.from({ length: 60 }, (_, n) => batcher.accept(known({ callRef: `c${Math.floor(n / 2)}` }))),
      )
      expect(batches.length).toBeLessThanOrEqual(3)
      expect(batches.reduce((sum, size) => sum + size, 0)).toBe(60)
      const stored = await db.selectFrom('callsift.calls').select(['id', 'call_ref']).execute()
      for (const [n, answer] of answers.entries()) {
        expect(answer.callId).toBe(stored.find((call) => call.call_ref === `c${Math.floor(n / 2)}`)?.id)
      }
      expect(answers.filter((answer) => answer.outcome === 'accepted')).toHaveLength(30)
    })

    it('keeps a delivery whatever bytes stand in it', async () => {
      await accept(known({ callRef: 'c1', masked: { PHONE: 'a\u0000b\ud800' } }))
      const kept = await db.selectFrom('callsift.inbox').select('masked').executeTakeFirst()
      expect(kept?.masked).toEqual({ PHONE: 'ab\ufffd' })
    })

    it('refuses one bad call without its neighbours', async () => {
      const batcher = createBatcher((calls) => acceptCalls(db, registry, calls))
      const told = Array.from({ length: 20 }, (_, n) => known(n === 7 ? {} : { callRef: `c${n}` }))
      const ends = await Promise.allSettled(told.map((call) => batcher.accept(call)))
      expect(ends.map((end) => end.status)).toEqual(
        Array.from({ length: 20 }, (_, n) => (n === 7 ? 'rejected' : 'fulfilled')),
      )
      await batcher.drain()
      expect(await count()).toMatchObject({ calls: 19, runs: 19, deliveries: 19 })
    })

    it('takes in batches that name the same calls in opposite orders, over several connections', async () => {
      const pools = await Promise.all([0, 1, 2, 3].map(async () => (await bench?.connect())?.db ?? db))
      for (let round = 0; round < 3; round += 1) {
        const calls = Array.from({ length: 12 }, (_, n) => ({
          callRef: `r${round}c${n}`,
          activityId: `${round * 100 + 11 - n}`,
        }))
        const batches = [
          calls.map((names) => known(names)),
          calls.toReversed().map(({ activityId }) => known({ activityId })),
          calls.map(({ callRef }) => known({ callRef })),
          calls.toReversed().map((names) => known(names)),
        ]
        const answers = await Promise.all(
          batches.map(async (batch, n) => {
            const batcher = createBatcher((some) => acceptCalls(pools[n] ?? db, registry, some))
            return await Promise.all(batch.map((call) => batcher.accept(call)))
          }),
        )
        expect(answers.flat()).toHaveLength(48)
      }
    })
  })
}
