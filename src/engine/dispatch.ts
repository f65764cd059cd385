import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import type { Database } from '../db/connect.ts'
import type { Log } from '../log.ts'
import type { Queues, StepJob } from './queues.ts'
import { unknownStepText } from './unknown-step.ts'

/** How many steps may be in flight (dispatched or running) at once: twice the slots, so that slots never run dry. */
export interface DispatchWindows {
  /** A portal executes two requests at once. */
  readonly crm: number
  readonly portal: number
  /** Per API key. */
  readonly ai: number
  readonly none: number
}

export interface Dispatcher {
  /** Asks for a pass; passes asked for while one is under way become one more. */
  kick(): void
  /** Asks for a pass after `delayMs`, when something becomes due or a gate opens by itself. */
  kickIn(delayMs: number): void
  /** Runs a pass (or joins the next) and waits for it. */
  pass(): Promise<number>
  close(): Promise<void>
}

export interface Candidate {
  id: string
  portal_id: string
  key_id: string
  family: keyof DispatchWindows
  priority: number
}

export interface Flying {
  portal_id: string
  key_id: string
  family: keyof DispatchWindows
  count: number
}

/**
 * Moves due steps to the queue, never delayed: a bounded window per gate and only while it is open, round-robin by portal,
 * live calls before batches. One pass at a time over all processes (advisory lock), so that windows hold.
 */
export function createDispatcher(options: {
  db: Database
  queues: Queues
  windows: DispatchWindows
  /** Steps of other queues belong to another release, whose own dispatcher sends them: here they would only fill the windows. */
  queueNames: readonly string[]
  tickMs: number
  log: Log
}): Dispatcher {
  const { log } = options
  let closed = false
  let wanted = false
  let current: Promise<number> | null = null
  const served: Turns = new Map()
  /** Passes one after another that sent nothing. */
  let idle = 0

  const loop = async (): Promise<number> => {
    let moved = 0
    while (wanted && !closed) {
      wanted = false
      const startedAt = performance.now()
      const sent = await dispatchOnce(options, served)
      if (sent === null) {
        // Its look may have been before what we were kicked for; waiting for it in line would hold a connection and help nobody.
        wanted = true
        if (!closed) await rest(busyRestMs)
        continue
      }
      moved += sent
      // Under a storm of kicks passes would follow each other without end, and the record would do little else. So a pass rests as
      // long as it took, and longer and longer while they find nothing to send, as when a flood comes in and every window is full:
      // what is asked for meanwhile is one pass.
      const tookMs = performance.now() - startedAt
      idle = sent > 0 ? 0 : Math.min(idle + 1, 6)
      if (wanted && !closed)
        await rest(sent > 0 ? Math.min(tookMs, maxRestMs) : Math.min(tookMs * 2 ** (idle + 1), maxIdleRestMs))
    }
    return moved
  }
  const run = (): Promise<number> => {
    wanted = true
    current ??= loop().finally(() => {
      current = null
      if (wanted && !closed) kick()
    })
    return current
  }
  const kick = () => {
    run().catch((error: unknown) => {
      if (!closed) log.warn({ error: String(error) }, 'dispatch failed; the next tick tries again')
    })
  }
  const timer = setInterval(kick, options.tickMs)
  const wakes = new Set<NodeJS.Timeout>()
  return {
    kick,
    kickIn: (delayMs) => {
      // What lies further ahead is the tick's; a timer each for thousands of long waits would be waste.
      if (closed || delayMs > 60_000 || wakes.size >= 256) return
      const wake = setTimeout(() => {
        wakes.delete(wake)
        kick()
      }, delayMs + 5)
      wakes.add(wake)
    },
    pass: run,
    close: async () => {
      closed = true
      clearInterval(timer)
      for (const wake of wakes) clearTimeout(wake)
      await current?.catch(() => undefined)
    },
  }
}

/** A pass that was kept waiting by the record must not make the next one as late again. */
const maxRestMs = 50
/** What becomes due meanwhile waits for so long at most. */
const maxIdleRestMs = 200
/** Another process is in the middle of a pass, which takes a few milliseconds. */
const busyRestMs = 8

function rest(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** When each lane (portal and family) was last given a place, so that the turn goes round also where one place is free at a time. */
export type Turns = Map<string, number>

/**
 * Round-robin by portal within the windows; candidates come per portal in order of priority and age. What a portal has in flight
 * counts as turns it has had: else the one that comes first in the list would take every place that falls free.
 */
export function pick(
  candidates: readonly Candidate[],
  flying: readonly Flying[],
  windows: DispatchWindows,
  served: Turns,
): string[] {
  const inFlight = new Map<string, number>()
  const scope = (row: { portal_id: string; key_id: string; family: string }) =>
    row.family === 'ai' ? `ai ${row.key_id}` : `${row.family} ${row.portal_id}`
  for (const row of flying) inFlight.set(scope(row), (inFlight.get(scope(row)) ?? 0) + row.count)
  const laneOf = (row: { portal_id: string; family: string }) => `${row.portal_id} ${row.family}`
  const turns = new Map(flying.map((row) => [laneOf(row), row.count]))
  const ordered = candidates
    .map((row) => {
      const lane = laneOf(row)
      const turn = turns.get(lane) ?? 0
      turns.set(lane, turn + 1)
      return { row, turn, lastServed: served.get(lane) ?? 0 }
    })
    .sort((a, b) => a.row.priority - b.row.priority || a.turn - b.turn || a.lastServed - b.lastServed)
  const chosen: string[] = []
  let clock = Math.max(0, ...served.values())
  for (const { row } of ordered) {
    const count = inFlight.get(scope(row)) ?? 0
    if (count >= windows[row.family]) continue
    inFlight.set(scope(row), count + 1)
    chosen.push(row.id)
    clock += 1
    served.set(laneOf(row), clock)
  }
  return chosen
}

interface Look extends Candidate {
  kind: 'busy' | 'due' | 'flying'
  flying: number
}

/** How many steps were sent; null when another process is at it. */
async function dispatchOnce(
  { db, queues, windows, queueNames }: Parameters<typeof createDispatcher>[0],
  served: Turns,
): Promise<number | null> {
  const sizes = Object.entries(windows)
  const moved = await db.transaction().execute(async (trx) => {
    const { rows } = await sql<Look>`select * from callsift.look_for_due(${sizes.map(([family]) => family)}::text[],
      ${sizes.map(([, size]) => size)}::integer[], ${queueNames as string[]}::text[], ${unknownStepText.class})`.execute(
      trx,
    )
    if (rows[0]?.kind === 'busy') return null
    const candidates = rows.filter((row) => row.kind === 'due')
    const flying = rows.filter((row) => row.kind === 'flying').map((row) => ({ ...row, count: row.flying }))
    const chosen = pick(candidates, flying, windows, served)
    if (chosen.length === 0) return []
    const updated = await sql<{ id: string; dispatch_no: number; queue: string; priority: number }>`
      update callsift.steps set state = 'dispatched', dispatch_no = dispatch_no + 1, dispatched_at = clock_timestamp()
      where id = any(${chosen}::bigint[]) and state = 'ready' returning id, dispatch_no, queue, priority`.execute(trx)
    return updated.rows
  })
  if (moved === null) return null
  const byQueue = new Map<string, StepJob[]>()
  for (const row of moved) {
    const jobs = byQueue.get(row.queue) ?? []
    jobs.push({ stepId: row.id, dispatchNo: row.dispatch_no, ...(row.priority > 0 ? { priority: row.priority } : {}) })
    byQueue.set(row.queue, jobs)
  }
  const failures: unknown[] = []
  for (const [queue, jobs] of byQueue) {
    try {
      await queues.add(queue, jobs)
    } catch (error) {
      // The other queues' jobs are added all the same: their steps stand as dispatched already.
      failures.push(error)
      await returnToReady(db, jobs)
    }
  }
  if (failures.length > 0) throw failures[0]
  return moved.length
}

/** The queue did not take these jobs: they are ready again. A job that got there all the same is stale by its number. */
async function returnToReady(db: Database, jobs: readonly StepJob[]): Promise<void> {
  for (const job of jobs) {
    await sql`update callsift.steps set state = 'ready' where id = ${job.stepId} and dispatch_no = ${job.dispatchNo} and state = 'dispatched'`.execute(
      db,
    )
  }
}

/**
 * The queue's store and the record hold the same random word. When they differ, the store lost its memory (restarted empty,
 * flushed, another server): every job is gone, so every dispatched step is ready again, at once. The record's word is changed
 * first, by compare-and-set; if the process dies before the store has heard the new one, the next look does it again. The queue is
 * never asked inside a transaction: embedded, both live on one session.
 */
export async function checkQueueMemory(db: Database, queues: Queues): Promise<{ lost: boolean; redispatched: number }> {
  const stored = await queues.readEpoch()
  const known = await db.selectFrom('callsift.meta').select('value').where('key', '=', 'queue_epoch').executeTakeFirst()
  if (stored !== null && stored === known?.value) return { lost: false, redispatched: 0 }
  const epoch = randomUUID()
  const redispatched = await db.transaction().execute(async (trx) => {
    const changed = await sql`insert into callsift.meta as m (key, value) values ('queue_epoch', ${epoch})
      on conflict (key) do update set value = excluded.value where m.value is not distinct from ${known?.value ?? null}
      returning key`.execute(trx)
    if (changed.rows.length === 0) return null
    const freed = await sql`update callsift.steps set state = 'ready' where state = 'dispatched' returning id`.execute(
      trx,
    )
    return freed.rows.length
  })
  if (redispatched === null) return { lost: false, redispatched: 0 }
  await queues.writeEpoch(epoch)
  return { lost: true, redispatched }
}

/** So many steps are looked up at a time. */
const lookUpBatch = 1_000

/** Dispatched steps that nobody took, and whose job is gone from the queue, are ready again. Returns how many. */
export async function freeLostJobs(db: Database, queues: Queues, olderThanMs: number): Promise<number> {
  let freed = 0
  for (let after = '0'; ; ) {
    const { rows } = await sql<{ id: string; dispatch_no: number; queue: string }>`
      select id, dispatch_no, queue from callsift.steps
      where state = 'dispatched' and id > ${after}
        and dispatched_at < clock_timestamp() - ${olderThanMs} * interval '1 millisecond'
      order by id limit ${lookUpBatch}`.execute(db)
    for (const queue of new Set(rows.map((row) => row.queue))) {
      const jobs = rows
        .filter((row) => row.queue === queue)
        .map((row) => ({ stepId: row.id, dispatchNo: row.dispatch_no }))
      const there = await queues.has(queue, jobs)
      const lost = jobs.filter((_, index) => !there[index])
      await returnToReady(db, lost)
      freed += lost.length
    }
    const last = rows.at(-1)
    if (last === undefined || rows.length < lookUpBatch) return freed
    after = last.id
  }
}
