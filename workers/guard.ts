import { setTimeout as wait } from 'node:timers/promises'
import type { Timings } from '../src/config.ts'
import type { Database } from '../src/db/connect.ts'
import type { Claim } from '../src/engine/claim.ts'
import type { ClosedGate, Gates } from '../src/engine/gates.ts'
import { holdsLease } from '../src/engine/lease.ts'
import type { Slots } from '../src/engine/slots.ts'
import { Blocked, Later } from '../src/errors.ts'
import type { Permit, RequestGuard, RequestPlan, RequestReport } from '../src/vibecode/guard.ts'
import { StalePermit } from '../src/vibecode/guard.ts'
import type { Failure } from '../src/wire/errors.ts'

export interface GuardDeps {
  readonly db: Database
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

  const takeSlot = async (bytes: boolean, leaseMs: number, signal?: AbortSignal) => {
    const slot = await slots.take(portalId, {
      bytes,
      workerId: deps.workerId,
      waitMs: timings.slotWaitMs,
      leaseMs,
      signal,
    })
    if (slot !== null) return slot
    throw new Later(200 + 600 * deps.random(), 'portal_busy', {
      message: `Portal ${portalId} already executes the two requests it allows at once.`,
      hint: 'Nothing to do: it goes on as soon as one of them ends.',
    })
  }

  const reserve = async (
    names: readonly string[],
    signal?: AbortSignal,
  ): Promise<{ trial: string | null; waited: boolean }> => {
    const passed = await gates.pass(keyId, names, timings.slotWaitMs)
    if (passed.kind === 'closed') throw blockedBy(passed.gate)
    if (passed.kind === 'busy') {
      throw new Later(passed.waitMs, 'paced', {
        message: `The key's request rate is used up for the next ${Math.ceil(passed.waitMs / 1000)} s.`,
        hint: 'Nothing to do: requests are spaced so that the key is never refused.',
      })
    }
    const waited = passed.waitMs > 1
    if (waited) await wait(passed.waitMs, undefined, signal === undefined ? {} : { signal })
    return { trial: passed.trial, waited }
  }

  /** The lease, and once more the gates where the reservation waited: one that was granted just now has looked at them itself. */
  const check = async (names: readonly string[] | null, reservedAt: number): Promise<number> => {
    const checkedAt = names === null ? reservedAt : performance.now()
    const [held, closed] = await Promise.all([
      deps.claim === null ||
        holdsLease(deps.db, deps.claim, { workerTtlMs: timings.workerTtlMs, marginMs: timings.permitMs }),
      names === null ? null : gates.closed(keyId, names),
    ])
    if (!held) {
      throw new Later(1_000, 'lease_lost', { message: 'Another worker has taken this step over; nothing was sent.' })
    }
    if (closed !== null) throw blockedBy(closed)
    return checkedAt
  }

  return {
    limit: (moment) => {
      notAfter = moment
    },
    withBytesSlot: async (work) => {
      const slot = await takeSlot(true, timings.downloadDeadlineMs)
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
      const slot = plan.family === 'ai' ? null : await takeSlot(plan.bytes === true, timings.downloadDeadlineMs, signal)
      try {
        const reservedAt = performance.now()
        const { trial, waited } = await reserve(names, signal)
        const checkedAt = await check(waited ? names.filter((name) => name !== trial) : null, reservedAt)
        const enteredAt = performance.now()
        const validUntil = Math.min(checkedAt + timings.permitMs, deadline ?? Number.POSITIVE_INFINITY)
        return {
          assertFresh: () => {
            if (performance.now() > validUntil) throw new StalePermit('the permit to send lapsed before the bytes left')
          },
          leave: async (report) => {
            if (report.status !== undefined || report.failure !== undefined)
              deps.onRequest?.({ family: plan.family, status: report.status, ms: performance.now() - enteredAt })
            await slot?.release()
            await settle(deps, plan, report, trial)
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
  const { gates, keyId } = deps
  const requestId = header(report, 'x-request-id')
  if (requestId !== null) deps.noteRequest(requestId)
  const perMinute = Number(header(report, 'x-ratelimit-limit') ?? Number.NaN)
  if (Number.isInteger(perMinute) && perMinute > 0) await gates.learnRate(keyId, { perMinute })
  const { failure } = report
  if (failure === undefined) {
    if (trial !== null && report.status !== undefined) {
      await gates.open(keyId, trial)
      deps.onClosed(0)
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
    deps.onClosed(failure.waitMs)
  }
}

function header(report: RequestReport, name: string): string | null {
  const value = report.headers?.[name]
  return (Array.isArray(value) ? value[0] : value) ?? null
}
