import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import type { Row } from '../../src/sandbox/portal.ts'
import { startKilledBatches } from '../support/killed-batches.ts'
import { freshDatabase } from '../support/stores.ts'

const what = 'extracting contacts while workers are killed'
const database = await freshDatabase(what)
const count = 12

describe.skipIf(database === undefined)(what, () => {
  test('what is missing is filled in once, what stands there stays, and a second run pays nothing', async () => {
    const batches = await startKilledBatches<Record<string, unknown>>({
      databaseUrl: database?.url ?? '',
      redisUrl: undefined,
      workflow: 'extractContacts',
      payingStep: 'readContact',
      reportStep: 'reportContacts',
      killEveryMs: 5_000,
      mostKills: 3,
      withinMs: 90_000,
    })
    const { service, chats, updates } = batches
    try {
      const { url, world } = service.sandbox
      const portal = world.portal('portal-0')
      const post = async (path: string, json: Record<string, unknown>) => {
        const headers = { 'x-api-key': portal.key.value, 'content-type': 'application/json' }
        const answer = await fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(json) })
        expect(answer.status).toBe(201)
      }
      const leads: { row: Row; before: Row; changes: Record<string, unknown> }[] = []
      for (let n = 0; n < count; n += 1) {
        const [phone, email] = [`+790355506${10 + n}`, `c${n}@vector.example`]
        // Every other has a phone of its own, the rest an e-mail; all name both, and nobody names a company.
        const [own, changes] =
          n % 2 === 0
            ? [
                { phone: [{ value: `+749500000${10 + n}`, typeId: 'WORK' }] },
                { email: [{ value: email, typeId: 'WORK' }] },
              ]
            : [{ email: [{ value: `own${n}@kept.example` }] }, { phone: [{ value: phone, typeId: 'WORK' }] }]
        const row: Row = { id: portal.nextId(), title: `L${n}`, ...own }
        portal.entities.leads.set(row.id, row)
        const said = `Звоните: ${phone}, почта ${email}`
        if (n % 3 === 0) row['comments'] = said
        if (n % 3 === 1) await post('/timelines', { entityType: 'lead', entityId: row.id, comment: said })
        if (n % 3 === 2) await post('/timeline-logs', { entityTypeId: 1, entityId: row.id, title: 'Note', text: said })
        leads.push({ row, before: structuredClone(row), changes })
      }
      batches.spoil('leads', { refuse: 9, fail: 11, failWrite: 3 })
      const { report, kills } = await batches.runUnderKills('first', {})
      expect(report).toMatchObject({ found: count, queued: count, written: count, needReview: 0, failures: {} })
      expect(kills).toBeGreaterThan(0)

      for (const { row, before, changes } of leads)
        expect(row).toEqual({ ...before, ...changes, updatedTime: expect.any(String) as unknown })
      const byId = <Of extends { id: number }>(rows: Of[]) => rows.toSorted((one, other) => one.id - other.id)
      expect(byId(updates().map(({ detail }) => ({ id: Number(detail['id']), changes: detail['changes'] })))).toEqual(
        byId(leads.map(({ row, changes }) => ({ id: row.id, changes }))),
      )
      const judged = await sql`select (output->>'recordId')::int as id from callsift.steps
        where name = 'readContact' and state = 'done' order by 1`.execute(service.db)
      const ids = byId(leads.map(({ row: { id } }) => ({ id })))
      expect(judged.rows).toEqual(ids)
      const kept = await sql`select record_id::int as id from callsift.contact_reads
        where written order by 1`.execute(service.db)
      expect(kept.rows).toEqual(ids)
      const paid = chats()
      // What a worker had asked when it was killed is asked again, once each: no more than it may have under way.
      expect(paid).toBeLessThanOrEqual(count + kills * 8)

      // A company is still missing everywhere: the notes are read again, and found to be the same.
      service.sandbox.clearFaults()
      const again = await batches.run('second', {})
      expect(again).toMatchObject({ found: count, queued: count, unchanged: count, asked: 0, written: 0, cost: 0 })
      expect([chats(), updates().length]).toEqual([paid, count])
      expect(batches.early()).toBe(0)
    } finally {
      await batches.close()
    }
  }, 150_000)
})
