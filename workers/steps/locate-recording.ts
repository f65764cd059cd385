import { z } from 'zod'
import { type CallFacts, learnActivity, readCall } from '../../src/db/call-facts.ts'
import { Later, Permanent } from '../../src/errors.ts'
import type { CallContext } from '../call-context.ts'
import { CallInput, type Entity, Entity as EntityShape, Recording } from '../call-input.ts'
import { findEntity } from '../find-entity.ts'
import { step } from '../step.ts'

/** Finds the call's recording and the CRM record its entry belongs to. The event carries neither. */
export const locateRecording = step({
  name: 'locateRecording',
  queue: 'locate',
  family: 'portal',
  input: z.object({ run: CallInput }),
  output: z.object({
    ended: z.enum(['merged', 'no_recording']).nullable(),
    recording: Recording.nullable(),
    entity: EntityShape.nullable(),
    activityId: z.string().nullable(),
  }),
  async run(context, { run }) {
    const call = await readCall(context.db, run.callId)
    const assigned = assignedEntity(call)
    const given = givenRecording(call)
    if (given !== null) return { ended: null, recording: given, entity: assigned, activityId: call.activity_id }

    const statistic = call.activity_id === null ? await readStatistic(context, call) : null
    const activityId = call.activity_id ?? statistic?.activityId?.toString() ?? null
    if (activityId !== null) {
      const { mergedInto } = await learnActivity(context.db, { id: call.id, portalId: call.portal_id }, activityId)
      if (mergedInto !== null) return { ended: 'merged' as const, recording: null, entity: null, activityId }
    }
    const activity = activityId === null ? null : await context.vibecode.crm.getActivity(Number(activityId))
    const fileId =
      statistic?.recordFileId ??
      activity?.files[0]?.id ??
      (await readStatistic(context, call, activityId))?.recordFileId ??
      null
    if (fileId === null) return waitForRecording(context, call, activityId)
    const entity = assigned ?? (await findEntity(context.vibecode, activity, statistic))
    return { ended: null, recording: { kind: 'file' as const, fileId }, entity, activityId }
  },
})

function assignedEntity(call: CallFacts): Entity | null {
  if (call.entity_type_id === null || call.entity_id === null) return null
  return { typeId: call.entity_type_id, id: Number(call.entity_id) }
}

function givenRecording(call: CallFacts): Recording | null {
  if (call.upload_id !== null) return { kind: 'upload', uploadId: call.upload_id }
  if (call.recording_url !== null) return { kind: 'url', url: call.recording_url }
  return null
}

async function readStatistic(context: CallContext, call: CallFacts, activityId: string | null = null) {
  const query =
    call.call_ref !== null ? { callId: call.call_ref } : activityId !== null ? { activityId: Number(activityId) } : null
  if (query === null) {
    throw new Permanent('nothing_to_locate', {
      message: `Call ${call.id} has no call id, no activity and no recording.`,
      hint: 'Submit it again with one of them.',
    })
  }
  const { calls } = await context.vibecode.telephony.listCalls(query, { limit: 1 })
  return calls[0] ?? null
}

/**
 * A recording comes minutes or hours after its call, so waiting is normal. After the ladder's last rung it is looked for
 * hourly; what has waited out the budget ends as `no_recording`, until a later event or sweep tells of it again.
 */
function waitForRecording(context: CallContext, call: CallFacts, activityId: string | null) {
  const { recordingLadderMs: ladder, recordingBudgetMs: budget } = context.config.timings
  const rung = (index: number) => ladder[index] ?? Math.max(...ladder)
  let waitedMs = 0
  for (let index = 0; index < context.laters; index += 1) waitedMs += rung(index)
  if (waitedMs >= budget) return { ended: 'no_recording' as const, recording: null, entity: null, activityId }
  throw new Later(rung(context.laters), 'recording_not_ready', {
    message: `The portal has no recording of call ${call.call_ref ?? activityId ?? call.id} yet (looked ${context.laters + 1} times).`,
    hint: 'Nothing to do: telephony attaches recordings late. If none ever come, check that call recording is switched on.',
  })
}
