import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Database } from '../../src/db/connect.ts'
import { findEndedWorkers } from '../../src/engine/find-ended-workers.ts'
import { hasEnded, readLife } from '../../src/engine/process-life.ts'
import { freeStepsOf } from '../../src/engine/workers.ts'
import { claimOne, emptyRecord, newWorker, openRecord, readSteps, sketch, startRun } from '../support/engine-bench.ts'
import { testRegistry } from '../support/engine-workflows.ts'
import { tellMissing } from '../support/tell-missing.ts'

const registry = testRegistry()
const life = readLife()
if (life === null) await tellMissing('Processes that have ended', 'this system tells of no process when it began')
const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

/** Another process of this machine, and how it is known. */
async function startOther() {
  const program = `
    const stat = require('node:fs').readFileSync('/proc/self/stat', 'utf8')
    console.log(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19])
    setInterval(() => undefined, 1000)`
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  closers.push(() => child.kill('SIGKILL'))
  const [told] = (await once(child.stdout, 'data')) as [Buffer]
  return { child, pid: child.pid ?? 0, born: told.toString().trim() }
}

describe.skipIf(life === null)('a process of this machine', () => {
  it('has not ended while it lives, although it is stopped', async () => {
    const { child, pid, born } = await startOther()
    expect(hasEnded({ pid, born })).toBe(false)
    child.kill('SIGSTOP')
    expect(hasEnded({ pid, born })).toBe(false)
  })

  it('has ended when it was killed, and when its id belongs to another process now', async () => {
    const { child, pid, born } = await startOther()
    expect(hasEnded({ pid: process.pid, born })).toBe(true)
    expect(hasEnded({ pid: process.pid, born: life?.born ?? '' })).toBe(false)
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(hasEnded({ pid, born })).toBe(true)
  })
})

for (const kind of ['postgres', 'pglite'] as const) {
  const bench = await openRecord(kind, `ended processes on ${kind}`)
  describe.skipIf(bench === undefined || life === null)(`ended processes on ${kind}`, () => {
    const db = bench?.db as Database
    beforeEach(() => emptyRecord(db))
    afterAll(() => bench?.close())

    /** A worker in another process, with a step in hand. */
    const workElsewhere = async (facts: { pid: number; born: string | null; realm?: string | null }) => {
      const worker = await newWorker(db)
      const { realm = life?.realm ?? null, pid, born } = facts
      await db.updateTable('callsift.workers').set({ pid, born, realm }).where('id', '=', worker).execute()
      const runId = await startRun(db, registry, 'lone', {})
      await claimOne(db, runId, worker)
      return { worker, runId }
    }

    it('loses its steps at once when it was killed, and keeps its row until its heartbeat is too old', async () => {
      const other = await startOther()
      const { worker, runId } = await workElsewhere(other)
      expect(await findEndedWorkers(db)).toEqual([])
      other.child.kill('SIGKILL')
      await once(other.child, 'exit')
      expect(await findEndedWorkers(db)).toEqual([worker])
      expect(await freeStepsOf(db, registry, [worker])).toEqual({ steps: 1, poisoned: 0 })
      expect(await sketch(db, runId)).toEqual(['solo0 g1 ready'])
      expect((await readSteps(db, runId))[0]).toMatchObject({ fence: 2, crashes: 0 })
      expect(await db.selectFrom('callsift.workers').select('id').execute()).toEqual([{ id: worker }])
      const attempts = await db.selectFrom('callsift.attempts').select(['worker_id', 'outcome']).execute()
      expect(attempts).toEqual([{ worker_id: worker, outcome: 'lost' }])
      // What it had asked of the database just before may come in now; the next sweep sees that too.
      expect(await freeStepsOf(db, registry, await findEndedWorkers(db))).toEqual({ steps: 0, poisoned: 0 })
      const late = await startRun(db, registry, 'lone', {})
      await claimOne(db, late, worker)
      expect(await freeStepsOf(db, registry, await findEndedWorkers(db))).toEqual({ steps: 1, poisoned: 0 })
    })

    it('is told by its heartbeat alone where it lives elsewhere, or says nothing of its life', async () => {
      const { child, pid, born } = await startOther()
      child.kill('SIGKILL')
      await once(child, 'exit')
      const elsewhere = await workElsewhere({ pid, born, realm: 'another boot pid:[1] 0' })
      const older = await workElsewhere({ pid, born: null, realm: null })
      const itself = await newWorker(db)
      expect(await findEndedWorkers(db)).toEqual([])
      const rows = await db.selectFrom('callsift.workers').select(['id', 'realm', 'born']).execute()
      expect(rows.find((row) => row.id === itself)).toEqual({ id: itself, ...life })
      for (const one of [elsewhere, older]) expect(await sketch(db, one.runId)).toEqual(['solo0 g1 running'])
    })
  })
}
