import type { Scheduler } from 'fast-check'
import { sql } from 'kysely'
import { z } from 'zod'
import type { Database } from '../../../src/db/connect.ts'
import { isRecordAway } from '../../../src/db/record-away.ts'
import { type Claim, claimStep } from '../../../src/engine/claim.ts'
import { defineStep, defineWorkflow, type StepScope } from '../../../src/engine/define.ts'
import { freeLostJobs } from '../../../src/engine/dispatch.ts'
import { writeOnce } from '../../../src/engine/effects.ts'
import { executeStep } from '../../../src/engine/execute.ts'
import { finishStep } from '../../../src/engine/finish.ts'
import { holdsLease } from '../../../src/engine/lease.ts'
import type { Queues, StepJob } from '../../../src/engine/queues.ts'
import { createRegistry } from '../../../src/engine/registry.ts'
import { beat, freeDeadWorkers, freeStepsOf, freeStrays, registerWorker } from '../../../src/engine/workers.ts'
import { Later } from '../../../src/errors.ts'
import { emptyRecord, startRun, timingsOf } from '../../support/engine-bench.ts'
import { createFarSide } from './far-side.ts'
import { gatedDatabase } from './gated-pool.ts'
import type { SimulatedRecord } from './record.ts'
import { createStage } from './stage.ts'

interface World {
  readonly scope: StepScope
  buy(name: string): Promise<string>
  write(marker: string): Promise<string>
}

const Input = z.object({ name: z.string() })
const registry = createRegistry<World>([
  defineWorkflow<World, typeof Input>('call', Input)
    .step(
      defineStep<World>()({
        name: 'hear' as const,
        queue: 'hear',
        family: 'ai',
        input: z.object({ run: Input }),
        output: z.string(),
        run: async (world, { run }) => await world.buy(run.name),
      }),
    )
    .step(
      defineStep<World>()({
        name: 'write' as const,
        queue: 'write',
        family: 'crm',
        input: z.object({ run: Input, hear: z.string() }),
        output: z.string(),
        run: async (world, { run }) => await world.write(run.name),
      }),
    ),
])

/** The true durations: time is the simulation's. */
const timings = timingsOf({
  heartbeatMs: 3_000,
  workerTtlMs: 10_000,
  permitMs: 1_000,
  doubtWaitMs: 65_000,
  retryDelaysMs: [2_000, 10_000, 60_000, 300_000, 1_800_000],
})
/** So few that no step loses five workers, which would park it as it should. */
const maxCrashes = 4
const stormySteps = 120
const maxSteps = 4_000

interface Process {
  crashed: boolean
  /** Takes no step while others do: a process that was stopped and will wake. */
  frozen: boolean
  /** Has an attempt in hand. */
  working: boolean
  workerId: string | null
}

/**
 * One history: two calls, two workers, a dispatcher and a sweep, an upstream that lies, a clock that leaps, jobs that are lost or come twice,
 * and processes that end or freeze at any await. Throws at the first step after which a promise is broken.
 */
export async function simulate(
  record: SimulatedRecord,
  scheduler: Scheduler,
  random: () => number,
  clock: { advance(ms: number): void },
): Promise<{ steps: number; crashes: number }> {
  await emptyRecord(record.db)
  const stage = createStage(scheduler)
  const farSide = createFarSide(random)
  const names = ['a', 'b']
  const runs = new Map<string, string>()
  for (const name of names) runs.set(await startRun(record.db, registry, 'call', { name }, { key: name }), name)
  let jobs: { queue: string; job: StepJob }[] = []
  let crashes = 0
  let stormy = true
  let working = 0
  /** Something was bought or stored since the record was last looked at. */
  let touched = false
  let nowMs = await record.nowMs()
  const processes: Process[] = []
  const boughtWhenStored = new Map<string, number>()

  const hold = async (process: Process, label: string) => {
    do await stage.hold(label)
    while (process.frozen && !process.crashed)
    if (process.crashed) await stage.vanish()
  }

  const databaseOf = (process: Process, label: string): Database =>
    gatedDatabase(record.pool, {
      before: async () => await hold(process, `${label} asks`),
      after: async () => {
        await hold(process, `${label} hears`)
        if (stormy && random() < 0.02)
          throw Object.assign(new Error('the answer of the record was lost'), { code: 'ECONNRESET' })
      },
    })

  const insist = async <Value>(work: () => Promise<Value>): Promise<Value> => {
    for (;;) {
      try {
        return await work()
      } catch (error) {
        if (!isRecordAway(error)) throw error
      }
    }
  }

  const worldOf = (process: Process, db: Database, claim: Claim): World => {
    /** As the guard has it: the lease is asked for, and what was found lapses before the bytes leave. */
    const permit = async () => {
      const askedAt = performance.now()
      const held = await holdsLease(db, claim, { workerTtlMs: timings.workerTtlMs, marginMs: timings.permitMs })
      if (!held) throw new Later(1_000, 'lease_lost', { message: 'another worker has it' })
      await hold(process, 'connects')
      return askedAt + timings.permitMs
    }
    const leave = (until: number) => {
      if (performance.now() > until) throw new Later(1_000, 'permit_lapsed', { message: 'too late to send' })
    }
    return {
      scope: claim as unknown as StepScope,
      buy: async (name) => {
        leave(await permit())
        const heard = farSide.buy(name)
        touched = true
        await hold(process, 'hears of its purchase')
        return heard
      },
      write: async (marker) => {
        const written = await writeOnce(
          db,
          claim,
          {
            key: `call ${marker}`,
            kind: 'timeline',
            intentNo: 1,
            marker,
            target: { deal: 1 },
            send: async (notAfter) => {
              leave(Math.min(await permit(), notAfter))
              try {
                return farSide.write(marker, nowMs)
              } finally {
                await hold(process, 'hears of its write')
              }
            },
            readBack: async () => {
              await hold(process, 'looks')
              const found = farSide.find(marker)
              await hold(process, 'has looked')
              return found
            },
          },
          { doubtWaitMs: timings.doubtWaitMs },
        )
        return written.externalId
      },
    }
  }

  /** One process of the program: its heart beats beside its work, as a timer's would. */
  const work = async (process: Process, label: string) => {
    const db = databaseOf(process, label)
    const register = () => insist(() => registerWorker(db, { queues: registry.queues, version: 'simulated' }))
    let workerId = await register()
    process.workerId = workerId
    let beatenAt = nowMs
    let inHand: string | null = null
    stage.enter(async () => {
      const heart = databaseOf(process, `heart of ${label}`)
      for (;;) {
        await hold(process, `heart of ${label} rests`)
        if (nowMs - beatenAt < timings.heartbeatMs) continue
        beatenAt = nowMs
        const beaten = workerId
        if (await insist(() => beat(heart, beaten)))
          await insist(() => freeStrays(heart, registry, beaten, inHand === null ? [] : [inHand], timings.workerTtlMs))
        else process.workerId = workerId = await register()
      }
    })
    for (;;) {
      await hold(process, `${label} looks for work`)
      const next = jobs.shift()
      if (next === undefined) continue
      // The job comes twice: to this one, and to whoever looks next.
      if (stormy && random() < 0.1) jobs.push(next)
      const claim = await claimStep(db, next.job, workerId).catch((error: unknown) => {
        if (isRecordAway(error)) return null
        throw error
      })
      if (claim === null) continue
      inHand = claim.stepId
      working += 1
      process.working = true
      const outcome = await executeStep({
        registry,
        claim,
        signal: new AbortController().signal,
        withContext: (_attempt, use) => use(worldOf(process, db, claim)),
        noteRequest: () => undefined,
        stopping: () => false,
      })
      await insist(() => finishStep({ db, registry, timings, random: () => 0.5 }, claim, outcome))
      inHand = null
      touched = true
      working -= 1
      process.working = false
    }
  }

  /** What the dispatcher does to the rows, the queue being a list here. */
  const dispatch = async (process: Process) => {
    const db = databaseOf(process, 'dispatcher')
    const { rows } = await sql<{ id: string; dispatch_no: number; queue: string }>`
      update callsift.steps set state = 'dispatched', dispatch_no = dispatch_no + 1, dispatched_at = clock_timestamp()
      where state = 'ready' and due_at <= clock_timestamp() returning id, dispatch_no, queue`.execute(db)
    for (const row of rows) jobs.push({ queue: row.queue, job: { stepId: row.id, dispatchNo: row.dispatch_no } })
  }
  const list: Pick<Queues, 'has'> = {
    has: async (_queue, asked) =>
      asked.map((one) => jobs.some(({ job }) => job.stepId === one.stepId && job.dispatchNo === one.dispatchNo)),
  }
  const sweep = async (process: Process) => {
    const db = databaseOf(process, 'sweep')
    await freeDeadWorkers(db, registry, timings)
    // Of those that have crashed this machine knows it for certain.
    const ended = processes.flatMap((one) => (one.crashed && one.workerId !== null ? [one.workerId] : []))
    await freeStepsOf(db, registry, ended)
    await freeLostJobs(db, list as Queues, timings.lostJobMs)
  }
  const keeper = async (process: Process) => {
    for (;;) {
      await hold(process, 'keeper rests')
      if (random() < 0.5) continue
      await dispatch(process).catch((error: unknown) => {
        if (!isRecordAway(error)) throw error
      })
      if (random() < 0.2)
        await sweep(process).catch((error: unknown) => {
          if (!isRecordAway(error)) throw error
        })
    }
  }

  const start = (run: (process: Process) => Promise<void>) => {
    const process: Process = { crashed: false, frozen: false, working: false, workerId: null }
    processes.push(process)
    stage.enter(() => run(process))
    return process
  }
  const workers = [1, 2].map((n) => ({ n, process: start((process) => work(process, `worker ${n}`)) }))
  start(keeper)

  const leap = async (ms: number) => {
    nowMs += ms
    await record.advance(ms)
    clock.advance(ms)
    farSide.settle(nowMs)
  }
  const disturb = async () => {
    const dice = random()
    const victim = workers[Math.floor(random() * workers.length)]
    if (victim === undefined) return
    if (dice < 0.03 && crashes < maxCrashes) {
      crashes += 1
      victim.process.crashed = true
      if (victim.process.working) working -= 1
      const replaced = victim.n
      victim.process = start((process) => work(process, `worker ${replaced}`))
    } else if (dice < 0.06) victim.process.frozen = true
    else if (dice < 0.1) for (const one of workers) one.process.frozen = false
    else if (dice < 0.16) await leap([500, 3_000, 12_000, 70_000][Math.floor(random() * 4)] ?? 0)
    else if (dice < 0.17) jobs = []
  }

  const check = async () => {
    if (stage.failure() !== null) throw stage.failure()
    for (const [marker, count] of farSide.entries)
      if (count > 1) throw new Error(`${marker} was written ${count} times`)
    if (!touched) return
    touched = false
    const { rows } = await record.pool.query<{ run_id: string }>(
      `select run_id::text from callsift.steps where name = 'hear' and state = 'done'`,
    )
    for (const { run_id } of rows) {
      const name = runs.get(run_id) ?? ''
      const bought = farSide.bought.get(name) ?? 0
      // What was under way when a result was stored may still be paid, once an attempt: nothing begins after it.
      if (!boughtWhenStored.has(name)) boughtWhenStored.set(name, bought)
      if (bought > (boughtWhenStored.get(name) ?? 0))
        throw new Error(`${name} was bought again after its result was stored`)
    }
  }
  const ended = async () => {
    const { rows } = await record.pool.query<{ state: string; class: string | null }>(
      'select state, class from callsift.runs',
    )
    const wrong = rows.find((row) => row.state === 'parked')
    if (wrong !== undefined) throw new Error(`a call was parked as ${wrong.class}`)
    return rows.every((row) => row.state === 'done')
  }

  try {
    for (let steps = 1; steps <= maxSteps; steps += 1) {
      await stage.step()
      await check()
      if (steps < stormySteps) await disturb()
      else if (stormy) {
        stormy = false
        farSide.calm()
        for (const one of workers) one.process.frozen = false
      } else if (steps % 6 === 0 && working === 0) await leap(5_000)
      if (steps % 12 === 0 && working === 0 && (await ended())) {
        await leap(70_000)
        await check()
        for (const name of names)
          if (farSide.entries.get(name) !== 1) throw new Error(`${name} has ${farSide.entries.get(name) ?? 0} entries`)
        return { steps, crashes }
      }
    }
    const { rows } = await record.pool.query('select name, state, class, message, due_at from callsift.steps')
    throw new Error(`not done after ${maxSteps} steps: ${JSON.stringify(rows)}`)
  } finally {
    for (const process of processes) process.crashed = true
  }
}
