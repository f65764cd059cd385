import { Permanent } from '../../src/errors.ts'
import type { DialogueMessage } from '../../src/vibecode/telephony.ts'
import type { CallRecord } from '../../src/wire/telephony.ts'
import type { FollowedUp } from './follow-ups.ts'
import { type Judged, skip, writeFollowUp } from './judged-call.ts'

/** Who said what and when, in the card of the call. A call takes one transcript: one that stands there is left alone. */
export async function attachDialogue(judged: Judged): Promise<FollowedUp> {
  const { vibecode } = judged.context
  const messages = tellDialogue(judged.seen.mergeTranscript.segments)
  if (messages === null) return skip('dialogue', 'speakers_unknown')
  const record = await findRecord(judged)
  const callId = record?.callId ?? null
  if (callId === null) return skip('dialogue', 'no_call_id')
  try {
    return await writeFollowUp(judged, 'dialogue', {
      on: `call ${callId}`,
      again: false,
      send: async () => {
        if (record?.transcriptId != null) throw new Permanent('has_transcript', { message: `Call ${callId} has one.` })
        await vibecode.telephony.attachDialogue(callId, messages)
        return callId
      },
      readBack: async () => (await findRecord(judged))?.transcriptId ?? null,
    })
  } catch (error) {
    if (error instanceof Permanent && error.class === 'has_transcript') return skip('dialogue', 'has_transcript')
    throw error
  }
}

async function findRecord({ context, call, seen }: Judged): Promise<CallRecord | null> {
  const { activityId } = seen.locateRecording
  const query =
    call.call_ref !== null ? { callId: call.call_ref } : activityId !== null ? { activityId: Number(activityId) } : null
  if (query === null) return null
  return (await context.vibecode.telephony.listCalls(query, { limit: 1 })).calls[0] ?? null
}

/** Null where it is not known who speaks: a side that was guessed would stand in the card as if it had been heard. */
function tellDialogue(segments: Judged['seen']['mergeTranscript']['segments']): DialogueMessage[] | null {
  const messages: DialogueMessage[] = []
  for (const { speaker, start, end, text } of segments) {
    if (speaker === null) return null
    if (text.trim() === '') continue
    const from = Math.max(0, Math.floor(start))
    messages.push({
      SIDE: speaker === 'agent' ? 'User' : 'Client',
      START_TIME: from,
      STOP_TIME: Math.max(1, from, Math.ceil(end)),
      MESSAGE: text.trim(),
    })
  }
  return messages.length === 0 ? null : messages
}
