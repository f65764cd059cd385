import { setTimeout as wait } from 'node:timers/promises'
import type { Timings } from '../src/config.ts'
import type { Database } from '../src/db/connect.ts'
import type { Claim } from '../src/engine/claim.ts'
import type { ClosedGate, Gates } from '../src/engine/gates.ts'
import { holdsLease } from '../src/engine/lease.ts'
import { enterGates } from '../src/engine/permit.ts'
import type { Slot, Slots } from '../src/engine/slots.ts'
import { Blocked, Later } from '../src/errors.ts'
import type { Permit, RequestGuard, RequestPlan, RequestReport } from '../src/vibecode/guard.ts'
import { StalePermit } from '../src/vibecode/guard.ts'
import type { Failure } from '../src/wire/errors.ts'

export interface GuardDeps {
  readonly db: Database
  /** For what may be lost at a crash of the record; `db` where there is none. */
  readonly looseDb?: Database
  readonly gates: Gates
  readonly slots: Slots
  readonly timings: Timings
  readonly keyId: string
  readonly portalId: string
  /** The attempt whose lease is checked for each request; null outside any step. */
  readonly claim: Claim | null
  /** Holds slots in the name of this worker, so that the sweep can free them if it dies. */
  readonly workerId: string
  readonly random: () => number
  onClosed(forMs: number): void
  noteRequest(requestId: string): void
  /** A request ended; `ms` from the permit to the last byte. */
  onRequest?: ((facts: { family: string; status: number | undefined; ms: number }) => void) | undefined
}

export interface StepGuard extends RequestGuard {
  /** Until told otherwise, no request may leave after this moment (performance.now(), ms). */
  limit(notAfter: number | null): void
  /** Holds the portal's slot for bytes while `work` runs: for recordings that are not fetched through the API. */
  withBytesSlot<Value>(work: () => Promise<Value>): Promise<Value>
}

/** One client's guard: the portal's slots, the key's pacing and gates, and the attempt's lease, in this order, for each request. */
export function createGuard(deps: GuardDeps): StepGuard {
  const { gates, slots, timings, keyId, portalId } = deps
  let notAfter: number | null = null

  /**
   * Claims commit loosely. Before money is spent this attempt's must be on disk: else a crash of the record forgets it, its result finds no
   * attempt to be stored for, and is bought again. One commit that waits for the disk takes with it all that came before.
   */
  const recordFor = (plan: RequestPlan) => (plan.family === 'ai' ? deps.db : (deps.looseDb ?? deps.db))

  const lifeMs = timings.workerTtlMs - timings.permitMs
  // A lease outlives its request and what may come before it leaves, and no more: of a process that ends it is all that frees the slot.
  const shortMs =
    Math.max(timings.requestDeadlineMs, timings.writeDeadlineMs) + timings.slotWaitMs + 2 * timings.permitMs
  const leaseOf = (bytes: boolean) => (bytes ? timings.downloadDeadlineMs : shortMs)
  const slotOf = (plan: RequestPlan) =>
    plan.family === 'ai' ? null : { portalId, bytes: plan.bytes === true, leaseMs: leaseOf(plan.bytes === true) }

  const takeSlot = async (bytes: boolean, signal?: AbortSignal): Promise<Slot> => {
    const { workerId } = deps
    const slot = await slots.take(portalId, {
      bytes,
      workerId,
      waitMs: timings.slotWaitMs,
      leaseMs: leaseOf(bytes),
      signal,
    })
    if (slot !== null) return slot
    throw portalBusy()
  }
  const portalBusy = () =>
    new Later(200 + 600 * deps.random(), 'portal_busy', {
      message: `Portal ${portalId} already executes the two requests it allows at once.`,
      hint: 'Nothing to do: it goes on as soon as one of them ends.',
    })
  const leaseLost = () =>
    new Later(1_000, 'lease_lost', { message: 'Another worker has taken this step over; nothing was sent.' })

  /** What nearly every request passes in one round trip, waiting for a slot where none is free; null where a gate refuses it. */
  const enterAtOnce = async (plan: RequestPlan, names: readonly string[], signal?: AbortSignal) => {
    const { workerId, claim } = deps
    const wanted = { keyId, names, slot: slotOf(plan), workerId, claim, maxWaitMs: timings.slotWaitMs, lifeMs }
    const until = performance.now() + timings.slotWaitMs
    for (let look = 0; ; look += 1) {
      const entered = await enterGates(recordFor(plan), deps, wanted)
      if (entered.kind === 'passed') return { ...entered, trial: null }
      if (entered.kind === 'lost') throw leaseLost()
      if (entered.kind === 'refused') return null
      const left = until - performance.now()
      if (left <= 0 || signal?.aborted) throw portalBusy()
      await slots.waitToLook(look, left, signal)
    }
  }

  /** One by one, to learn which gate is closed and until when, or to go through one that is tried. */
  const enterByTrial = async (plan: RequestPlan, names: readonly string[], signal?: AbortSignal) => {
    const slot = slotOf(plan) === null ? null : await takeSlot(plan.bytes === true, signal)
    try {
      const askedAt = performance.now()
      const passed = await gates.pass(keyId, names, timings.slotWaitMs)
      if (passed.kind === 'closed') throw blockedBy(passed.gate)
      if (passed.kind === 'busy') {
        throw new Later(passed.waitMs, 'paced', {
          message: `The key's request rate is used up for the next ${Math.ceil(passed.waitMs / 1000)} s.`,
          hint: 'Nothing to do: requests are spaced so that the key is never refused.',
        })
      }
      if (passed.waitMs <= 1) await checkLease(plan)
      return { slot, waitMs: passed.waitMs, askedAt, trial: passed.trial }
    } catch (error) {
      await slot?.release()
      throw error
    }
  }

  const checkLease = async (plan: RequestPlan) => {
    if (deps.claim === null) return
    const limits = { workerTtlMs: timings.workerTtlMs, marginMs: timings.permitMs }
    if (!(await holdsLease(recordFor(plan), deps.claim, limits))) throw leaseLost()
  }

  /** A reservation that lay ahead: the lease and the gates are looked at when its moment has come. Returns when that was. */
  const waitForMoment = async (
    plan: RequestPlan,
    waitMs: number,
    names: readonly string[],
    signal?: AbortSignal,
  ): Promise<number> => {
    await wait(waitMs, undefined, signal === undefined ? {} : { signal })
    const checkedAt = performance.now()
    const [, closed] = await Promise.all([checkLease(plan), gates.closed(keyId, names)])
    if (closed !== null) throw blockedBy(closed)
    return checkedAt
  }

  return {
    limit: (moment) => {
      notAfter = moment
    },
    withBytesSlot: async (work) => {
      const slot = await takeSlot(true)
      try {
        return await work()
      } finally {
        await slot.release()
      }
    },
    enter: async (plan, signal) => {
      const names = gateNames(plan)
      const deadline = notAfter
      if (deadline !== null && performance.now() > deadline) throw lapsed()
      const entered = (await enterAtOnce(plan, names, signal)) ?? (await enterByTrial(plan, names, signal))
      const { slot, trial } = entered
      try {
        const checkedAt =
          entered.waitMs > 1
            ? await waitForMoment(
                plan,
                entered.waitMs,
                names.filter((name) => name !== trial),
                signal,
              )
            : entered.askedAt
        const enteredAt = performance.now()
        const validUntil = Math.min(checkedAt + timings.permitMs, deadline ?? Number.POSITIVE_INFINITY)
        return {
          assertFresh: () => {
            if (performance.now() > validUntil) throw new StalePermit('the permit to send lapsed before the bytes left')
          },
          leave: async (report) => {
            if (report.status !== undefined || report.failure !== undefined)
              deps.onRequest?.({ family: plan.family, status: report.status, ms: performance.now() - enteredAt })
            // A refusal closes its gate before the slot is free for whoever would run into it next.
            try {
              await settle(deps, plan, report, trial)
            } finally {
              await slot?.release()
            }
          },
        } satisfies Permit
      } catch (error) {
        await slot?.release()
        throw error
      }
    },
  }
}

function gateNames(plan: RequestPlan): string[] {
  return plan.model === undefined ? [plan.family] : [plan.family, `${plan.family}:${plan.model}`]
}

function blockedBy(gate: ClosedGate): Blocked {
  return new Blocked(gate.name, gate.class, { message: gate.message, hint: gate.hint ?? undefined })
}

function lapsed(): Later {
  return new Later(1_000, 'permit_lapsed', {
    message: 'It took too long until the request could leave; nothing was sent.',
    hint: 'Nothing to do: it is tried again by itself.',
  })
}

/** Which gate a failure closes; null for what concerns one entity, or nothing but this request. */
function gateOf(failure: Failure, plan: RequestPlan): string | null {
  if (failure.scope === 'key') return 'key'
  if (failure.scope === 'family') return plan.family
  if (failure.scope === 'model') return plan.model === undefined ? plan.family : `${plan.family}:${plan.model}`
  return null
}

async function settle(deps: GuardDeps, plan: RequestPlan, report: RequestReport, trial: string | null): Promise<void> {
  const requestId = header(report, 'x-request-id')
  if (requestId !== null) deps.noteRequest(requestId)
  await settleGate(deps, plan, report, trial).finally(() => learnRate(deps, report))
}

async function learnRate({ gates, keyId }: GuardDeps, report: RequestReport): Promise<void> {
  const perMinute = Number(header(report, 'x-ratelimit-limit') ?? Number.NaN)
  if (Number.isInteger(perMinute) && perMinute > 0) await gates.learnRate(keyId, { perMinute })
}

async function settleGate(
  { gates, keyId, onClosed }: GuardDeps,
  plan: RequestPlan,
  report: RequestReport,
  trial: string | null,
): Promise<void> {
  const { failure } = report
  if (failure === undefined) {
    if (trial !== null && report.status !== undefined) {
      await gates.open(keyId, trial)
      onClosed(0)
    }
    return
  }
  const gate = gateOf(failure, plan)
  if (gate === null) return
  if (failure.needsPerson) {
    await gates.close(keyId, gate, { ...failure, forMs: null })
    throw new Blocked(gate, failure.class, failure)
  }
  if (failure.outcome === 'later' && failure.waitMs !== undefined) {
    await gates.close(keyId, gate, { ...failure, forMs: failure.waitMs })
    onClosed(failure.waitMs)
  }
}

function header(report: RequestReport, name: string): string | null {
  const value = report.headers?.[name]
  return (Array.isArray(value) ? value[0] : value) ?? null
}
