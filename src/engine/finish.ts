import { sql } from 'kysely'
import type { Timings } from '../config.ts'
import type { Database, Queryable } from '../db/connect.ts'
import type { StepFailure } from '../errors.ts'
import type { Claim } from './claim.ts'
import { createRun } from './create-run.ts'
import type { Outcome } from './outcome.ts'
import { arrangeSeen, foresee } from './place.ts'
import type { Registry } from './registry.ts'
import { advanceRun, countOpenChildren, endRun, lockRun, parkRun } from './settle.ts'
import { toStoredJson, toStoredText } from './stored-text.ts'

export interface FinishDeps<Context> {
  readonly db: Database
  readonly registry: Registry<Context>
  readonly timings: Timings
  /** 0 ≤ x < 1, for jitter. */
  readonly random: () => number
}

/** `fenced`: the lease was lost meanwhile and nothing was stored; `late`: an old generation's output was kept. */
export type FinishResult = 'stored' | 'late' | 'fenced'

/**
 * Stores how an attempt ended, and creates what follows, in one transaction under the run's lock.
 * Without that lock two parts that end together each see the other unfinished, and the step after them is never created.
 */
export async function finishStep<Context>(
  deps: FinishDeps<Context>,
  claim: Claim,
  outcome: Outcome,
  requestId: string | null = null,
): Promise<FinishResult> {
  if (outcome.kind === 'value' && claim.generation === 1) {
    const result = await finishValue(deps, claim, outcome, requestId)
    if (result !== 'aside') return result
  }
  return await deps.db.transaction().execute(async (trx) => {
    const run = await lockRun(trx, claim.runId)
    const step = await trx
      .selectFrom('callsift.steps')
      .select(['state', 'fence', 'worker_id', 'attempts', 'later_since'])
      .where('id', '=', claim.stepId)
      .forUpdate()
      .executeTakeFirst()
    if (
      step === undefined ||
      step.state !== 'running' ||
      step.fence !== claim.fence ||
      step.worker_id !== claim.workerId
    ) {
      await closeAttempt(trx, claim, 'fenced', undefined, requestId)
      return 'fenced'
    }
    await closeAttempt(trx, claim, outcome.kind, 'failure' in outcome ? outcome.failure : undefined, requestId)
    if (claim.generation < run.generation || run.state === 'cancelled') {
      await keepLateOutput(trx, claim, outcome)
      return 'late'
    }
    await storeOutcome(deps, trx, claim, run, step, outcome)
    return 'stored'
  })
}

/** How nearly every attempt ends, in one round trip. 'aside': nothing was stored, this end needs more of a look. */
async function finishValue<Context>(
  { db, registry }: FinishDeps<Context>,
  claim: Claim,
  outcome: Extract<Outcome, { kind: 'value' }>,
  requestId: string | null,
): Promise<'stored' | 'fenced' | 'aside'> {
  const workflow = registry.workflow(claim.workflow)
  const { position } = registry.step(claim.workflow, claim.stepName)
  const seen = arrangeSeen(workflow, claim.runInput, claim.before)
  const foreseen = foresee(workflow, position, seen, outcome.output)
  if (foreseen === null) return 'aside'
  const finished = await sql<{
    result: 'stored' | 'fenced' | 'aside'
  }>`select callsift.finish_value(${claim.stepId}, ${claim.fence},
    ${claim.workerId}, ${claim.runId}, ${toStoredJson(outcome.output)}::jsonb, ${outcome.inputHash}, ${requestId},
    ${toStoredJson(foreseen.next)}::jsonb, ${foreseen.ends}, ${foreseen.class}, ${foreseen.joins}) as result`.execute(
    db,
  )
  return finished.rows[0]?.result ?? 'aside'
}

async function storeOutcome<Context>(
  deps: FinishDeps<Context>,
  trx: Queryable,
  claim: Claim,
  run: Awaited<ReturnType<typeof lockRun>>,
  step: { attempts: number; later_since: Date | null },
  outcome: Outcome,
): Promise<void> {
  const { registry, timings } = deps
  switch (outcome.kind) {
    case 'value':
      return await storeValue(registry, trx, claim, run, outcome)
    case 'page':
      return await storePage(registry, trx, claim, run, outcome)
    case 'released':
      return await makeReady(trx, claim, null)
    case 'blocked':
      await makeReady(trx, claim, null, outcome.failure)
      await sql`update callsift.steps set blocked_by = ${outcome.failure.gate} where id = ${claim.stepId}`.execute(trx)
      return
    case 'later': {
      await forgiveWaiting(trx, claim)
      const spent = await sql<{ spent: number }>`
        update callsift.steps set later_since = coalesce(later_since, clock_timestamp()), laters = laters + 1
        where id = ${claim.stepId}
        returning extract(epoch from clock_timestamp() - coalesce(later_since, clock_timestamp()))::float8 * 1000 as spent`.execute(
        trx,
      )
      if ((spent.rows[0]?.spent ?? 0) + outcome.failure.delayMs <= timings.laterBudgetMs) {
        return await makeReady(trx, claim, outcome.failure.delayMs, outcome.failure)
      }
      return await park(registry, trx, claim, run, outcome.failure, outcome.failure.class, 'fix')
    }
    case 'retry': {
      await forgiveWaiting(trx, claim)
      const attempts = step.attempts + 1
      await sql`update callsift.steps set attempts = ${attempts} where id = ${claim.stepId}`.execute(trx)
      const limit = Math.min(outcome.failure.maxAttempts ?? Number.POSITIVE_INFINITY, timings.retryDelaysMs.length + 1)
      const delayMs = timings.retryDelaysMs[attempts - 1]
      if (attempts < limit && delayMs !== undefined) {
        // ± 20 %, so that what failed together does not come back together.
        return await makeReady(trx, claim, delayMs * (0.8 + 0.4 * deps.random()), outcome.failure)
      }
      return await park(registry, trx, claim, run, outcome.failure, 'exhausted', 'fix')
    }
    case 'permanent':
      return await park(registry, trx, claim, run, outcome.failure, outcome.failure.class, outcome.failure.policy)
    case 'bug':
      return await park(registry, trx, claim, run, outcome.failure, 'bug', 'fix')
  }
}

async function storeValue<Context>(
  registry: Registry<Context>,
  trx: Queryable,
  claim: Claim,
  run: Awaited<ReturnType<typeof lockRun>>,
  outcome: Extract<Outcome, { kind: 'value' }>,
): Promise<void> {
  await sql`with touched as (update callsift.runs set updated_at = now() where id = ${run.id})
    update callsift.steps set state = 'done', output = ${toStoredJson(outcome.output)}::jsonb,
      input_hash = ${outcome.inputHash}, class = null, message = null, hint = null, policy = null, worker_id = null,
      finished_at = now()
    where id = ${claim.stepId}`.execute(trx)
  const { placed, position } = registry.step(run.workflow, claim.stepName)
  const ended = placed.each ? null : (placed.endsWhen?.(outcome.output) ?? null)
  if (ended !== null) return await endRun(trx, registry, run, { state: 'done', class: ended })
  if (placed.each && (await countOpenParts(trx, claim)) > 0) return
  await advanceRun(trx, registry, run, position)
}

async function storePage<Context>(
  registry: Registry<Context>,
  trx: Queryable,
  claim: Claim,
  run: Awaited<ReturnType<typeof lockRun>>,
  outcome: Extract<Outcome, { kind: 'page' }>,
): Promise<void> {
  const { page } = outcome
  for (const child of page.children) {
    await createRun(trx, registry, {
      ...child,
      portalId: run.portalId,
      priority: Math.max(run.priority, 20),
      parentStepId: claim.stepId,
    })
  }
  if (page.cursor !== null) {
    await makeReady(trx, claim, page.delayMs)
    // What went wrong before this page is behind it: a step of a night has met more crashes than one page may.
    await sql`update callsift.steps set cursor = ${toStoredJson(page.cursor)}::jsonb, attempts = 0, laters = 0,
      later_since = null, crashes = 0, alone = false, alone_crashes = 0 where id = ${claim.stepId}`.execute(trx)
    return
  }
  const open = await countOpenChildren(trx, claim.stepId)
  await sql`update callsift.steps set state = ${open > 0 ? 'joining' : 'done'}, output = ${toStoredJson(page.output)}::jsonb,
      input_hash = ${outcome.inputHash}, worker_id = null, class = null, message = null, hint = null, policy = null, finished_at = now()
    where id = ${claim.stepId}`.execute(trx)
  if (open === 0) await advanceRun(trx, registry, run, registry.step(run.workflow, claim.stepName).position)
}

async function countOpenParts(trx: Queryable, claim: Claim): Promise<number> {
  const open = await sql<{ open: number }>`select count(*)::int as open from callsift.steps
    where run_id = ${claim.runId} and generation = ${claim.generation} and name = ${claim.stepName} and state <> 'done'`.execute(
    trx,
  )
  return open.rows[0]?.open ?? 0
}

/** The budget of `Later` is for waits that were asked for: time spent behind a closed gate or a full window is not the step's. */
async function forgiveWaiting(trx: Queryable, claim: Claim): Promise<void> {
  await sql`update callsift.steps s set later_since = s.later_since + greatest(a.started_at - s.due_at, interval '0')
    from callsift.attempts a
    where s.id = ${claim.stepId} and s.later_since is not null and a.step_id = s.id and a.fence = ${claim.fence}`.execute(
    trx,
  )
}

/** Due after `delayMs`; null = it keeps the place in line that it had. */
async function makeReady(trx: Queryable, claim: Claim, delayMs: number | null, failure?: StepFailure): Promise<void> {
  await sql`update callsift.steps set state = 'ready', worker_id = null,
      due_at = coalesce(clock_timestamp() + ${delayMs}::float8 * interval '1 millisecond', due_at),
      class = ${failure?.class ?? null}, message = ${textOf(failure?.message)}, hint = ${textOf(failure?.hint)}
    where id = ${claim.stepId}`.execute(trx)
}

async function park<Context>(
  registry: Registry<Context>,
  trx: Queryable,
  claim: Claim,
  run: Awaited<ReturnType<typeof lockRun>>,
  failure: StepFailure,
  failureClass: string,
  policy: string,
): Promise<void> {
  await sql`update callsift.steps set state = 'parked', worker_id = null, class = ${failureClass},
      message = ${textOf(failure.message)}, hint = ${textOf(failure.hint)}, policy = ${policy}, finished_at = now()
    where id = ${claim.stepId}`.execute(trx)
  await parkRun(trx, registry, run, failureClass)
}

/** The generation moved on while this attempt ran: what it paid for is kept for reuse, and nothing is created. */
async function keepLateOutput(trx: Queryable, claim: Claim, outcome: Outcome): Promise<void> {
  if (outcome.kind === 'value') {
    await sql`update callsift.steps set state = 'done', output = ${toStoredJson(outcome.output)}::jsonb,
      input_hash = ${outcome.inputHash}, worker_id = null, finished_at = now() where id = ${claim.stepId}`.execute(trx)
  } else {
    await sql`update callsift.steps set state = 'cancelled', worker_id = null, finished_at = now() where id = ${claim.stepId}`.execute(
      trx,
    )
  }
}

async function closeAttempt(
  trx: Queryable,
  claim: Claim,
  outcome: string,
  failure: StepFailure | undefined,
  requestId: string | null,
): Promise<void> {
  await sql`update callsift.attempts set finished_at = clock_timestamp(), outcome = ${outcome}, class = ${failure?.class ?? null},
      message = ${textOf(failure?.message)}, http_status = ${failure?.httpStatus ?? null}, code = ${failure?.code ?? null},
      request_id = ${failure?.requestId ?? requestId}
    where step_id = ${claim.stepId} and fence = ${claim.fence}`.execute(trx)
}

function textOf(text: string | undefined): string | null {
  return text === undefined ? null : toStoredText(text)
}
