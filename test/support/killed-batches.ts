import { readFileSync } from 'node:fs'
import { sql } from 'kysely'
import { startBatch } from '../../src/engine/start-batch.ts'
import type { Effect } from '../../src/sandbox/truth.ts'
import { registry } from '../../workers/index.ts'
import { type Service, startService } from './service.ts'

/** Waits of the engine at a fifth. Of the protocol only the doubt about a write that a kill cut off: it would outlast a short test. */
const timings = {
  heartbeatMs: 600,
  workerTtlMs: 2_000,
  sweepMs: 500,
  lostJobMs: 2_000,
  permitMs: 500,
  retryDelaysMs: [200, 1_000, 3_000, 6_000, 10_000],
  batchLookMs: 200,
  writeDeadlineMs: 3_000,
  doubtWaitMs: 6_500,
}

interface KilledBatches<Report> {
  readonly service: Service
  /** Of requests to the collection and the model every `refuse`th gets a 429, every `fail`th a 502; of PATCHes after it was carried out. */
  spoil(collection: string, every: { refuse: number; fail: number; failWrite?: number }): void
  run(slot: string, input: Record<string, unknown>): Promise<Report>
  /** `serveMb`: resident size of `serve`, which is never killed, at each kill. */
  runUnderKills(
    slot: string,
    input: Record<string, unknown>,
  ): Promise<{ report: Report; kills: number; serveMb: number[] }>
  /** Questions to the model that were answered, and so paid for. */
  chats(): number
  updates(): Effect[]
  /**
   * Requests before a wait was over, sent by who could have known of it: a permit that was had before the refusal is good for its life (and
   * 150 ms to hear and store), and what a worker was told just before it was killed nobody knows.
   */
  early(): number
  close(): Promise<void>
}

/** `serve` and two workers on the portal `portal-0`, for a batch whose workers are killed in turn until it has reported. */
export async function startKilledBatches<Report>(options: {
  databaseUrl: string
  redisUrl: string | undefined
  compiled?: boolean
  workflow: string
  /** The first kill comes as soon as one of these is done. */
  payingStep: string
  reportStep: string
  killEveryMs: number
  /** A busy machine may need longer to start a worker than lies between two kills, and would never end. */
  mostKills?: number
  withinMs: number
}): Promise<KilledBatches<Report>> {
  const { databaseUrl, redisUrl, withinMs, compiled = false } = options
  const service = await startService({ databaseUrl, redisUrl, compiled, portals: 1, workers: 2, timings })
  const { db, sandbox } = service
  try {
    await service.ready()
  } catch (error) {
    await service.close()
    throw error
  }

  const killedAt: number[] = []
  const start = async (slot: string, input: Record<string, unknown>): Promise<string> => {
    const wanted = { workflow: options.workflow, portalId: 'portal-0', slot, input }
    const started = await db.transaction().execute((trx) => startBatch(trx, registry, wanted))
    if ('busy' in started) throw new Error(`batch ${started.busy} still runs`)
    return started.runId
  }

  const until = async <Value>(look: () => Promise<Value | undefined>): Promise<Value> => {
    for (const deadline = performance.now() + withinMs; ; ) {
      const seen = await look()
      if (seen !== undefined) return seen
      if (performance.now() > deadline) throw new Error(await tellSteps(service))
      await moment(20)
    }
  }

  const reported = (runId: string) =>
    until(async () => {
      const rows = await sql<{ output: Report }>`select output from callsift.steps
        where run_id = ${runId} and name = ${options.reportStep} and state = 'done'`.execute(db)
      return rows.rows[0]?.output
    })

  const judgedOne = () =>
    until(async () => {
      const rows = await sql`select 1 from callsift.steps
        where name = ${options.payingStep} and state = 'done' limit 1`.execute(db)
      return rows.rows[0]
    })

  return {
    service,
    spoil: (collection, { refuse, fail, failWrite = fail }) => {
      const [routes, write] = [`/v1/(${collection}|chat)`, `${collection}.update`]
      sandbox.addFault({ route: routes, kind: 'status', status: 429, retryAfter: 1, every: refuse })
      sandbox.addFault({ route: write, kind: 'after', status: 502, every: failWrite })
      sandbox.addFault({ route: `(GET /v1/${collection}|chat)`, kind: 'status', status: 502, every: fail })
    },
    run: async (slot, input) => await reported(await start(slot, input)),
    runUnderKills: async (slot, input) => {
      const workers = service.processes.filter((one) => one.name.startsWith('work'))
      const serve = service.processes.find((one) => one.name === 'serve')
      const serveMb: number[] = []
      const done = reported(await start(slot, input))
      done.catch(() => undefined)
      await judgedOne()
      for (let kills = 0; ; kills += 1) {
        // The first as soon as an item is judged: few are through before a wait of any length, on a fast machine.
        const pause = kills === options.mostKills ? done : moment(options.killEveryMs).then(() => null)
        const ended = kills === 0 ? null : await Promise.race([done, pause])
        serveMb.push(residentMb(serve?.child.pid))
        if (ended !== null) return { report: ended, kills, serveMb }
        const target = workers[kills % workers.length]
        if (target === undefined) throw new Error('no workers')
        killedAt.push(Date.now())
        await service.kill(target)
        service.restart(target)
      }
    },
    chats: () => sandbox.requests().filter((one) => one.route === 'chat' && one.status === 200).length,
    early: () =>
      sandbox.requests().filter(({ at, earlyMs, sinceRefusalMs }) => {
        const refusedAt = at - sinceRefusalMs
        const untold = killedAt.some((killed) => refusedAt > killed - 300 && refusedAt < killed + 50)
        return earlyMs > 50 && sinceRefusalMs > timings.permitMs + 150 && !untold
      }).length,
    updates: () => sandbox.effects().filter((effect) => effect.kind === 'update'),
    close: async () => await service.close(),
  }
}

const moment = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

async function tellSteps(service: Service): Promise<string> {
  const rows = await sql`select name, state, class, max(message) as message, count(*)::int as n from callsift.steps
    group by name, state, class`.execute(service.db)
  return `no report in time; steps: ${JSON.stringify(rows.rows, null, 1)}`
}

function residentMb(pid: number | undefined): number {
  const [, kb] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Math.round(Number(kb) / 1024)
}
