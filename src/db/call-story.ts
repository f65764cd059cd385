import { sql } from 'kysely'
import { listAudit } from './audit.ts'
import { readCall } from './call-facts.ts'
import type { Queryable } from './connect.ts'
import type { EffectState, RunState, StepState } from './schema.ts'

export interface AttemptStory {
  readonly startedAt: Date
  readonly finishedAt: Date | null
  readonly outcome: string | null
  readonly class: string | null
  readonly message: string | null
  readonly httpStatus: number | null
  readonly code: string | null
  readonly requestId: string | null
}

export interface StepStory {
  readonly id: string
  readonly name: string
  readonly index: number
  readonly generation: number
  readonly state: StepState
  readonly createdAt: Date
  readonly dueAt: Date
  readonly finishedAt: Date | null
  readonly blockedBy: string | null
  readonly class: string | null
  readonly message: string | null
  readonly hint: string | null
  readonly policy: string | null
  /** Which of several kinds of work the step is; null where it is of one. */
  readonly kind: string | null
  readonly output: unknown
  readonly attempts: readonly AttemptStory[]
}

export interface EffectStory {
  readonly kind: string
  readonly intentNo: number
  readonly state: EffectState
  readonly externalId: string | null
  readonly sentAt: Date | null
  readonly writtenAt: Date | null
  readonly target: unknown
}

/** All that the record knows of one call, its number whole. */
export async function readCallStory(db: Queryable, callId: string) {
  const call = await readCall(db, callId)
  const run =
    call.run_id === null
      ? null
      : ((await db.selectFrom('callsift.runs').selectAll().where('id', '=', call.run_id).executeTakeFirst()) ?? null)
  const steps = run === null ? [] : await readSteps(db, run.id, run.generation)
  return {
    call: {
      id: call.id,
      portalId: call.portal_id,
      callRef: call.call_ref,
      activityId: call.activity_id,
      source: call.source,
      direction: call.direction,
      phone: call.phone,
      line: call.line,
      userId: call.user_id,
      durationSeconds: call.duration_s,
      startedAt: call.started_at,
      createdAt: call.created_at,
      assignedEntity:
        call.entity_type_id === null || call.entity_id === null
          ? null
          : { typeId: call.entity_type_id, id: call.entity_id },
      dryRun: call.dry_run,
      intentNo: call.intent_no,
      mergedInto: call.merged_into,
    },
    run:
      run === null
        ? null
        : {
            id: run.id,
            state: run.state as RunState,
            class: run.class,
            generation: run.generation,
            rerunFrom: run.rerun_from,
            createdAt: run.created_at,
            updatedAt: run.updated_at,
            finishedAt: run.finished_at,
          },
    steps,
    effects: run === null ? [] : await readEffects(db, run.id),
    deliveries: await db
      .selectFrom('callsift.inbox')
      .select(['id', 'received_at as receivedAt', 'source', 'event', 'outcome', 'reason', 'masked'])
      .where('call_id', '=', callId)
      .orderBy('id')
      .limit(50)
      .execute(),
    audit: await listAudit(db, `call ${callId}`),
  }
}

/** The steps of the run's present generation with all attempts at them. */
async function readSteps(db: Queryable, runId: string, generation: number): Promise<StepStory[]> {
  const steps = await db
    .selectFrom('callsift.steps')
    .selectAll()
    .where('run_id', '=', runId)
    .where('generation', '=', generation)
    .orderBy('id')
    .execute()
  const attempts = await sql<AttemptStory & { stepId: string }>`
    select a.step_id as "stepId", a.started_at as "startedAt", a.finished_at as "finishedAt", a.outcome, a.class, a.message,
      a.http_status as "httpStatus", a.code, a.request_id as "requestId"
    from callsift.attempts a join callsift.steps s on s.id = a.step_id
    where s.run_id = ${runId} and s.generation = ${generation} order by a.id limit 500`.execute(db)
  return steps.map((step) => ({
    id: step.id,
    name: step.name,
    index: step.index,
    generation: step.generation,
    state: step.state,
    createdAt: step.created_at,
    dueAt: step.due_at,
    finishedAt: step.finished_at,
    blockedBy: step.blocked_by,
    class: step.class,
    message: step.message,
    hint: step.hint,
    policy: step.policy,
    kind: kindOf(step.item),
    output: step.output,
    attempts: attempts.rows.filter((attempt) => attempt.stepId === step.id).map(({ stepId: _, ...attempt }) => attempt),
  }))
}

function kindOf(item: unknown): string | null {
  const kind = typeof item === 'object' && item !== null && 'kind' in item ? item.kind : null
  return typeof kind === 'string' ? kind : null
}

export async function readEffects(db: Queryable, runId: string): Promise<EffectStory[]> {
  const rows = await db
    .selectFrom('callsift.effects')
    .selectAll()
    .where('run_id', '=', runId)
    .orderBy('intent_no')
    .execute()
  return rows.map((row) => ({
    kind: row.kind,
    intentNo: row.intent_no,
    state: row.state,
    externalId: row.external_id,
    sentAt: row.sent_at,
    writtenAt: row.written_at,
    target: row.target,
  }))
}
