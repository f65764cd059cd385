import { z } from 'zod'
import type { App } from '../context.ts'
import { readEffects } from '../db/call-story.ts'
import { assignEntity, lockGeneration, raiseIntent, readRunState } from '../db/calls.ts'
import type { Queryable } from '../db/connect.ts'
import { cancelRun, rerunFrom, retryParked } from '../engine/rerun.ts'
import { EntityInput } from './call-submit.ts'
import { CallName, findRunOf } from './find-call.ts'
import { defineOperation, OperationError } from './operation.ts'

const audit = (input: { call: string }) => ({ subject: `call ${input.call}` })

export const callRetry = defineOperation({
  name: 'call.retry',
  summary: 'Sends the parked steps of a call on their way again; what succeeded is not repeated.',
  input: z.strictObject(CallName),
  audit,
  run: async (app, input) => {
    const { call, runId } = await findRunOf(app, input)
    const freed = await retryParked(app.db, runId)
    if (freed === 0) {
      throw new OperationError(
        'nothing_parked',
        409,
        `Nothing of call ${call.id} is parked.`,
        'To repeat a finished step, run the call again from it.',
      )
    }
    app.engine.kick()
    return { callId: call.id, freed }
  },
})

/** The AI steps that a rerun from here asks again for certain, and those it asks again where their input changed. */
export function priceRerun(app: App, from: string): { again: string[]; ifChanged: string[] } {
  const { steps } = app.registry.workflow('call')
  const position = steps.findIndex((placed) => placed.step.name === from)
  const paid = steps.slice(Math.max(0, position)).filter((placed) => placed.step.family === 'ai')
  return {
    again: paid.filter((placed) => placed.step.name === from).map((placed) => placed.step.name),
    ifChanged: paid.filter((placed) => placed.step.name !== from).map((placed) => placed.step.name),
  }
}

export const callRerun = defineOperation({
  name: 'call.rerun',
  summary:
    'Runs a call again from a step; outputs whose input is unchanged are reused. `preview` only tells what would be paid again.',
  input: z.strictObject({
    ...CallName,
    from: z.string().min(1).max(100),
    preview: z.boolean().default(false),
    /** The generation that whoever asks has seen: where the call has been run again since, nothing is done. */
    seen: z.coerce.number().int().min(1).optional(),
  }),
  audit: (input) => ({ subject: `call ${input.call}`, detail: { from: input.from, preview: input.preview } }),
  run: async (app, input) => {
    const { call, runId } = await findRunOf(app, input)
    const names = app.registry.workflow('call').steps.map((placed) => placed.step.name)
    if (!names.includes(input.from)) {
      throw new OperationError(
        'unknown_step',
        400,
        `A call has no step ${input.from}.`,
        `Its steps are: ${names.join(', ')}.`,
      )
    }
    const paid = priceRerun(app, input.from)
    if (input.preview) return { callId: call.id, from: input.from, paid, generation: null }
    const { generation } = await app.db.transaction().execute(async (trx) => {
      if (input.seen !== undefined) await refuseIfMovedOn(trx, runId, input.seen)
      return await rerunFrom(trx, app.registry, runId, input.from)
    })
    app.engine.kick()
    return { callId: call.id, from: input.from, paid, generation }
  },
})

/** Of two people who press the same button, one runs the call again and the other is told. */
async function refuseIfMovedOn(trx: Queryable, runId: string, seen: number): Promise<void> {
  if ((await lockGeneration(trx, runId)) === seen) return
  throw new OperationError(
    'moved_on',
    409,
    'The call has been run again since this page was shown.',
    'Look at it anew, then decide.',
  )
}

export const callAssign = defineOperation({
  name: 'call.assign',
  summary: 'Says which CRM record a call belongs to, and runs it again; transcript and verdict are reused.',
  input: z.strictObject({
    ...CallName,
    entityTypeId: EntityInput.entityTypeId.unwrap(),
    entityId: EntityInput.entityId.unwrap(),
  }),
  audit: (input) => ({
    subject: `call ${input.call}`,
    detail: { entityTypeId: input.entityTypeId, entityId: input.entityId },
  }),
  run: async (app, input) => {
    const { call, runId } = await findRunOf(app, input)
    const written = (await readEffects(app.db, runId)).some(
      (effect) => effect.kind === 'timeline' && effect.state === 'written' && effect.intentNo === call.intent_no,
    )
    const { generation } = await app.db.transaction().execute(async (trx) => {
      await assignEntity(trx, call.id, input)
      return await rerunFrom(trx, app.registry, runId, 'locateRecording')
    })
    app.engine.kick()
    const note = written
      ? 'The entry written before stays where it is. Use write-again to add one to the new record.'
      : null
    return { callId: call.id, generation, alreadyWritten: written, note }
  },
})

export const callWriteAgain = defineOperation({
  name: 'call.write-again',
  summary: 'Writes a second entry beside the one that stands. Entries cannot be deleted, so it needs `yes: true`.',
  input: z.strictObject({ ...CallName, yes: z.literal(true, { error: 'say yes: true; entries cannot be deleted' }) }),
  audit,
  run: async (app, input) => {
    const { call, runId } = await findRunOf(app, input)
    const present = (await readEffects(app.db, runId)).find(
      (effect) => effect.kind === 'timeline' && effect.intentNo === call.intent_no,
    )
    if (present?.state === 'sent') {
      throw new OperationError(
        'write_in_doubt',
        409,
        `It is not known yet whether the entry of call ${call.id} was written.`,
        'Wait two minutes: it is looked up in the CRM, then ask again.',
      )
    }
    if (present?.state !== 'written') {
      throw new OperationError(
        'nothing_written',
        409,
        `No entry of call ${call.id} has been written yet.`,
        'Retry the call, or run it again from writeTimeline.',
      )
    }
    const done = await app.db.transaction().execute(async (trx) => {
      const intentNo = await raiseIntent(trx, call.id)
      return { intentNo, ...(await rerunFrom(trx, app.registry, runId, 'writeTimeline')) }
    })
    app.engine.kick()
    return { callId: call.id, ...done }
  },
})

export const callCancel = defineOperation({
  name: 'call.cancel',
  summary: 'Ends a call that is running or parked; what is under way may finish, but nothing follows it.',
  input: z.strictObject(CallName),
  audit,
  run: async (app, input) => {
    const { call, runId } = await findRunOf(app, input)
    const state = await readRunState(app.db, runId)
    if (state !== 'running' && state !== 'parked') {
      throw new OperationError(
        'already_ended',
        409,
        `Call ${call.id} has ended already (${state}).`,
        'There is nothing to cancel.',
      )
    }
    await cancelRun(app.db, app.registry, runId)
    return { callId: call.id, state: 'cancelled' }
  },
})
